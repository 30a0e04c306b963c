-- The ledger: what jobs take of the accounts of tenants and keys. What a job is charged with stands under its id until it is
-- settled, which takes it away: so nothing counts twice, whatever is repeated. So does what its output takes, until it is gone. Amounts
-- are whole numbers.

-- No account is left that has nothing.
local function change_account(ledger, account, change)
  if redis.call('HINCRBY', ledger, account, string.format('%.0f', change)) <= 0 then
    redis.call('HDEL', ledger, account)
  end
end

-- Charges a job, `charges` being a JSON list of [account, amount, limit, what settles it]. One that is charged already stays so. What is
-- settled as 'kept' is not charged: its output will be, so there only has to be room.
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
    if c[4] ~= 'kept' then
      redis.call('HINCRBY', ledger, c[1], string.format('%.0f', c[2]))
    end
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
    if c[4] ~= 'kept' and change ~= 0 then
      change_account(ledger, c[1], change)
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

-- The output of a job takes `to` bytes now, where it took `from`; `accounts` are those that it counts in, one a line.
local function count_output(ledger, outputs, job_id, accounts, from, to)
  redis.call('HSET', outputs, job_id, string.format('%.0f', to) .. ' ' .. accounts)
  for account in string.gmatch(accounts, '[^\n]+') do
    redis.call('HINCRBY', ledger, account, string.format('%.0f', to - from))
  end
end

-- Its output is gone. Returns 1 when it had been counted, else 0.
local function free_output(ledger, outputs, job_id)
  local bytes, accounts = string.match(redis.call('HGET', outputs, job_id) or '', '^(%d+) (.*)$')
  if not bytes then
    return 0
  end
  redis.call('HDEL', outputs, job_id)
  for account in string.gmatch(accounts, '[^\n]+') do
    change_account(ledger, account, -tonumber(bytes))
  end
  return 1
end

-- What gateways had whose lease has lapsed is free; `places` is what the keys of their places begin with.
local function free_places(ledger, gateways, places, now)
  for _, gateway in ipairs(redis.call('ZRANGEBYSCORE', gateways, '-inf', now)) do
    local had = redis.call('HGETALL', places .. gateway)
    for i = 1, #had, 2 do
      change_account(ledger, had[i], -tonumber(had[i + 1]))
    end
    redis.call('DEL', places .. gateway)
    redis.call('ZREM', gateways, gateway)
  end
end

-- What a job took of a budget that nobody has told: nothing, if it was never begun.
local function unsaid(attempts)
  return tonumber(attempts or 0) == 0 and '0 0' or '- -'
end
