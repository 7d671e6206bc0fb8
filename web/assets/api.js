// The JSON API as the shop's pages call it: errors are Problems, a busy server is
// asked again, and a request that makes something has one key until its outcome
// is known, so that a double click or a lost answer makes it once.

const key = document.body.dataset.key

// Problem is an answer that is not a success, or none at all (code "network").
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || 'The shop did not answer as expected.')
    this.status = status
    this.code = body.code || 'unexpected'
    this.errors = body.errors || []
    this.items = body.items || []
    this.retryAfter = retryAfter
  }
}

const networkProblem = () => new Problem(0, { code: 'network', detail: 'The shop cannot be reached. Check your connection and try again.' })

const patience = 30_000 // ms; the API waits less for a gateway

async function once(method, path, { body, idempotencyKey, token } = {}) {
  const headers = { Authorization: 'Bearer ' + key, Accept: 'application/json' }
  if (body) headers['Content-Type'] = 'application/json'
  if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey
  if (token) headers['Order-Token'] = token
  const request = { method, headers, body: body && JSON.stringify(body), cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(patience) }
  const answer = await fetch(path, request)
    .catch(() => { throw networkProblem() })
  const text = await answer.text().catch(() => { throw networkProblem() })
  const data = parse(text)
  if (!answer.ok) throw new Problem(answer.status, data, Number(answer.headers.get('Retry-After')) || 0)
  return { status: answer.status, body: data }
}

function parse(text) {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

const passing = new Set(['overloaded', 'rate_limited', 'idempotency_in_flight', 'network'])
const tries = 4
const longestPause = 10

// call makes a request and returns { status, body }. What passes by itself is
// tried again where that is safe; onWait is told of each pause in seconds.
export async function call(method, path, options = {}) {
  const safe = method === 'GET' || method === 'PUT' || options.idempotencyKey || options.repeatable
  for (let n = 1; ; n++) {
    try {
      return await once(method, path, options)
    } catch (problem) {
      if (!safe || !passing.has(problem.code) || n === tries || problem.retryAfter > longestPause) throw problem
      const seconds = Math.min(problem.retryAfter || n, longestPause)
      options.onWait?.(seconds)
      await pause(seconds * 1000)
    }
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms))

// uncertain tells whether a request may have had its effect although it failed.
const uncertain = (problem) => problem.code === 'network' || problem.code === 'gateway_unavailable' || problem.status >= 500 || passing.has(problem.code)

// keyed runs a request with an idempotency key that is kept for this tab until
// the outcome is known: the same request asked again has the same key, another
// request another one.
export async function keyed(name, request, run) {
  const slot = 'kassa.key.' + name
  const wanted = JSON.stringify(request)
  let kept = parse(sessionStorage.getItem(slot) || '{}')
  if (kept.request !== wanted) {
    kept = { request: wanted, key: newKey() }
    sessionStorage.setItem(slot, JSON.stringify(kept))
  }
  try {
    const result = await run(kept.key)
    if (result.status !== 202) sessionStorage.removeItem(slot)
    return result
  } catch (problem) {
    if (!uncertain(problem)) sessionStorage.removeItem(slot)
    throw problem
  }
}

// newKey is a random text. crypto.randomUUID exists on secure origins alone, and
// a demo may be looked at over plain HTTP.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}
