-- /// check
-- title      = "A label is a variant of another label of the same task"
-- why        = "Two spellings are two classes to a model: each is learnt from fewer examples, and agreement between annotators looks worse than it is."
-- fix        = "Rename the variant to the common spelling at the source, and make the tool offer a fixed list instead of free text."
-- wrong_when = "The two differ on purpose, such as units where case matters, or words one letter apart that are both meant: list both in the ontology, or lower rare_share."
-- severity   = "warning"
-- tolerance  = 0
-- unit       = "dataset"
-- scope      = "dataset"
-- key        = ["task", "label"]
-- source     = "Unicode TR 39 (confusables); deepchecks string mismatch; Levenshtein 1966"
-- optional   = ["ontology"]
-- [params]
-- rare_share = { value = 0.02, help = "how rare, against the common label, a label one letter away must be to count as a slip (0..1)" }
-- min_length = { value = 5, help = "letters that both labels must have to be compared letter by letter" }
-- max_labels = { value = 2000, help = "tasks with more labels are compared by normalised form only: pairs of letters would take too long" }
-- ///
WITH used AS (
  SELECT task, label, sum(annotations) AS n FROM class_balance WHERE trim(label) <> '' GROUP BY task, label
), plain AS (
  -- as people read it: no case, no full-width or look-alike letters, no invisible signs, one kind of space between words
  SELECT task, label, n, trim(lower(translate(translate(regexp_replace(nfc_normalize(label), '[\x{200B}-\x{200D}\x{2060}\x{FEFF}\x{00AD}]', '', 'g'),
         '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～', '!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~'),
         'аеорсухіјѕԁһԛԝАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧο', 'aeopcyxijsdhqwABEKMHOPCTYXIJSABEZHIKMNOPTYXo'))) AS low
  FROM used
), normal AS (
  -- twice, since matches do not overlap; a sign that is not between two letters or digits, as in A+ and A-, is part of the name
  SELECT *, regexp_replace(regexp_replace(low, '([\pL\pN])[\s\x{00A0}_-]+([\pL\pN])', '\1 \2', 'g'),
                           '([\pL\pN])[\s\x{00A0}_-]+([\pL\pN])', '\1 \2', 'g') AS form
  FROM plain
), led AS (
  SELECT *, first_value(label) OVER best AS common, first_value(n) OVER best AS common_n, count(*) OVER (PARTITION BY task) AS labels
  FROM normal
  WINDOW best AS (PARTITION BY task, form ORDER BY n DESC, label)
), near AS (
  SELECT r.task, r.label, r.n, c.label AS common, c.n AS common_n
  FROM led AS r JOIN led AS c ON r.task = c.task AND r.form <> c.form AND r.n <= $rare_share * c.n
    AND r.label = r.common AND c.label = c.common
    AND least(length(r.form), length(c.form)) >= $min_length AND abs(length(r.form) - length(c.form)) <= 1
  WHERE r.labels <= $max_labels AND levenshtein(r.form, c.form) <= 1
    -- type 1 and type 2 are no slips of each other
    AND regexp_replace(r.form, '[^\pN]', '', 'g') = regexp_replace(c.form, '[^\pN]', '', 'g')
    AND (r.task, r.label) NOT IN (SELECT (task, label) FROM ontology)
  QUALIFY row_number() OVER (PARTITION BY r.task, r.label ORDER BY c.n DESC, c.label) = 1
), variant AS (
  SELECT task, label, n, common, common_n, 'written differently' AS how FROM led WHERE label <> common
  UNION ALL
  SELECT task, label, n, common, common_n, 'one letter apart' AS how FROM near
)
SELECT task, label, common, n AS annotations, common_n AS common_annotations, how,
       format('{} ({:,} annotation{}) and {} ({:,}) look like one label, {}', label, CAST(n AS BIGINT), if(n = 1, '', 's'), common, CAST(common_n AS BIGINT), how) AS message
FROM variant
