"""The column names that people and tools use for canonical columns: crowdsourcing exports, detection CSVs, transcript tables."""

from __future__ import annotations

import re

# Route (table, column) -> names, the most telling first. A name is compared after `plain`.
NAMES: dict[tuple[str, str], tuple[str, ...]] = {
    ("annotation", "item_id"): (
        "item_id", "item", "instance_id", "instance", "question_id", "question", "unit_id", "sample_id", "sample", "example_id",
        "example", "document_id", "doc_id", "image_id", "image", "img", "filename", "file_name", "image_path", "file", "path",
        "uri", "url", "audio", "video", "text_id", "sentence_id", "hit_id", "task_id", "task", "id",
    ),
    ("annotation", "annotator_id"): (
        "annotator_id", "annotator", "worker_id", "worker", "user_id", "user", "rater_id", "rater", "labeler_id", "labeler",
        "labeller_id", "labeller", "coder_id", "coder", "judge_id", "judge", "expert", "participant_id", "participant", "performer",
        "annotated_by", "labeled_by", "labelled_by", "completed_by", "respondent_id",
    ),
    ("annotation", "annotation_id"): ("annotation_id", "answer_id", "response_id", "judgment_id", "judgement_id"),
    ("annotation", "label"): (
        "label", "labels", "answer", "class", "class_name", "category", "category_name", "cell_type", "annotation", "response",
        "judgment", "judgement", "verdict", "given_label", "tag", "choice", "rating", "sentiment", "gold", "gold_label", "truth",
        "true_label", "ground_truth", "correct_label", "class_id", "category_id", "label_id", "target", "result",
    ),
    ("annotation", "text"): ("transcription", "transcript", "translation", "caption", "hypothesis", "output_text", "rewrite"),
    ("item", "text"): ("text", "sentence", "utterance", "tweet", "content", "body", "document", "passage", "snippet", "prompt"),
    ("item", "uri"): ("uri", "url", "image_url", "audio_url", "image_path", "file_path", "filename", "file_name", "path"),
    ("item", "split"): ("split", "subset", "partition", "data_split"),
    ("item", "subject_id"): ("subject_id", "subject", "patient_id", "patient", "speaker_id", "speaker"),
    ("item", "captured_at"): ("captured_at", "recorded_at", "taken_at"),
    ("annotation", "created_at"): (
        "created_at", "timestamp", "submitted_at", "submit_time", "submitted", "annotated_at", "completed_at", "datetime", "date",
    ),
    ("annotation", "seconds"): (
        "seconds", "lead_time", "time_spent", "work_time", "work_time_in_seconds", "worktimeinseconds", "duration", "duration_s",
        "elapsed", "elapsed_s", "response_time", "time_taken",
    ),
    ("annotation", "confidence"): ("confidence", "certainty"),
    ("annotation", "session_id"): ("session_id", "session", "assignment_id"),
    ("annotation", "reviewer_id"): ("reviewer_id", "reviewer", "reviewed_by"),
    ("annotation", "reviewed_at"): ("reviewed_at",),
    ("annotation", "review"): ("review", "review_status"),
    ("annotation", "guideline"): ("guideline", "guideline_version"),
    ("annotation", "prelabel"): ("prelabel", "suggested_label", "proposed_label"),
    ("annotation", "frame"): ("frame", "frame_id"),
    ("annotation", "track_id"): ("track_id", "object_id"),
    ("annotator", "name"): ("annotator_name", "worker_name", "rater_name", "full_name"),
    ("annotator", "email"): ("annotator_email", "worker_email", "rater_email", "email", "e_mail"),
    ("annotator", "vendor"): ("vendor", "agency"),
    ("annotator", "joined_at"): ("joined_at",),
}  # fmt: skip

# Columns that mean something only together: all of a tuple's names must be there, and hold numbers.
GROUPS: tuple[dict[tuple[str, str], tuple[str, ...]], ...] = (
    {
        ("annotation", "xmin"): ("xmin", "x_min", "x1", "left", "bbox_xmin"),
        ("annotation", "ymin"): ("ymin", "y_min", "y1", "top", "bbox_ymin"),
        ("annotation", "xmax"): ("xmax", "x_max", "x2", "right", "bbox_xmax"),
        ("annotation", "ymax"): ("ymax", "y_max", "y2", "bottom", "bbox_ymax"),
    },
    {
        ("annotation", "x"): ("x", "bbox_x", "box_x", "left"),
        ("annotation", "y"): ("y", "bbox_y", "box_y", "top"),
        ("annotation", "w"): ("w", "bbox_w", "box_w", "bbox_width", "width"),
        ("annotation", "h"): ("h", "bbox_h", "box_h", "bbox_height", "height"),
    },
    {("item", "width"): ("image_width", "img_width", "width"), ("item", "height"): ("image_height", "img_height", "height")},
    {
        ("annotation", "start_char"): ("start_char", "char_start", "start_offset", "span_start"),
        ("annotation", "end_char"): ("end_char", "char_end", "end_offset", "span_end"),
    },
    {
        ("annotation", "start_s"): ("start_s", "start_time", "onset", "tmin", "segment_start", "start", "begin"),
        ("annotation", "end_s"): ("end_s", "end_time", "offset", "tmax", "segment_end", "end", "stop"),
    },
)
# `start` and `end` count characters where the table holds the text, seconds where it does not.
SPAN_OF_TEXT = {("annotation", "start_char"): ("start", "begin"), ("annotation", "end_char"): ("end", "stop")}

# Columns of numbers that are a degree, not the code of a class; compared after `plain`, as is the last word of a name.
DEGREES = frozenset({
    "rating", "ratings", "score", "scores", "stars", "star_rating", "points", "grade", "likert", "value", "reading", "measurement",
    "offensiveness", "toxicity", "politeness", "severity", "intensity", "similarity", "relatedness", "relevance", "helpfulness",
    "fluency", "adequacy", "coherence", "readability", "difficulty", "valence", "arousal", "dominance", "confidence", "certainty",
    "satisfaction", "naturalness", "mos",
})  # fmt: skip
# … and those whose numbers are codes even if a spreadsheet has written them as 1.0.
CODES = frozenset({
    "label", "labels", "class", "class_id", "class_name", "category", "category_id", "label_id", "tag", "target", "gold", "truth",
    "gold_label", "true_label", "ground_truth", "correct_label", "given_label",
})  # fmt: skip

_PREFIX = re.compile(r"^(input|output|answer|assignment)\s*[:.]\s*", re.IGNORECASE)


def plain(name: str) -> str:
    """A header as the synonyms are written: lower case, words joined by _, without a platform's prefix.

    >>> plain("INPUT:audio"), plain("WorkerId"), plain("Answer.label"), plain("HITId")
    ('audio', 'worker_id', 'label', 'hit_id')
    """
    bare = _PREFIX.sub("", name.strip())
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", bare)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
