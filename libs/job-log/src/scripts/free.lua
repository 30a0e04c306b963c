-- include: ledger
-- Settles what a job is charged with that nobody has settled.
--   KEYS 1 ledger, 2 what jobs are charged with
--   ARGV 1 jobId, 2 what it took of budgets, as the ledger has it
-- Returns {1 when there was something to settle, else 0}
return { settle_charges(KEYS[1], KEYS[2], ARGV[1], ARGV[2]) }
