-- The ledger: what jobs take of the accounts of tenants and keys. What a job is charged with stands under its id until it is
-- settled, which takes it away: so nothing counts twice, whatever is repeated. Amounts are whole numbers.

-- Charges a job, `charges` being a JSON list of [account, amount, limit, what settles it]. One that is charged already stays so.
-- Returns nothing when there is room for all, else 1 for the first, 2 …, and what its account has.
local function charge(ledger, charged, job_id, charges)
  if charges == '' or redis.call('HEXISTS', charged, job_id) == 1 then
    return
  end
  local wanted = cjson.decode(charges)
  for place, c in ipairs(wanted) do
    local taken = tonumber(redis.call('HGET', ledger, c[1]) or 0)
    if taken + c[2] > c[3] then
      return place, string.format('%.0f', taken)
    end
  end
  redis.call('HSET', charged, job_id, charges)
  for _, c in ipairs(wanted) do
    redis.call('HINCRBY', ledger, c[1], string.format('%.0f', c[2]))
  end
end

-- Ends what a job is charged with: what it held is free again; of a budget stays what it took, and the whole charge when that is
-- not known. `spent` is 'USD tokens', USD in millionths, '-' being what is not known.
-- Returns 1 when there was something to settle, else 0.
local function settle_charges(ledger, charged, job_id, spent)
  local charges = redis.call('HGET', charged, job_id)
  if not charges then
    return 0
  end
  redis.call('HDEL', charged, job_id)
  local usd, tokens = string.match(spent, '^(%S+) (%S+)$')
  local took = { held = 0, usd = tonumber(usd or '-'), tokens = tonumber(tokens or '-') }
  for _, c in ipairs(cjson.decode(charges)) do
    local change = (took[c[4]] or c[2]) - c[2]
    if change ~= 0 and redis.call('HINCRBY', ledger, c[1], string.format('%.0f', change)) <= 0 then
      redis.call('HDEL', ledger, c[1])
    end
  end
  return 1
end

-- The same in the step that ends a job, with its keys; where the ledger is on another server, its record keeps what it took.
local function settle_at_end(keys, job_id, spent)
  if keys[3] then
    settle_charges(keys[3], keys[4], job_id, spent)
  else
    redis.call('HSET', keys[1], 'spent', spent)
  end
end

-- What a job took of a budget that nobody has told: nothing, if it was never begun.
local function unsaid(attempts)
  return tonumber(attempts or 0) == 0 and '0 0' or '- -'
end
