"""Fields under protection: rules, policies, identities, keys, cells, the ledger. docs/protection.md says what is promised."""
