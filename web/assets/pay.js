import { call, keyed, pause } from './api.js'
import * as basket from './basket.js'
import { $, busy, clearNotice, clock, el, explain, minutes, notice, price, show, summary, waiting, webAddress } from './view.js'

const id = location.pathname.split('/').pop()
let order

// token takes the order's token out of the address, where a link brought it: the
// address may be copied.
function token() {
  const query = new URLSearchParams(location.search)
  if (query.get('token')) {
    basket.rememberOrder(id, query.get('token'))
    history.replaceState(null, '', location.pathname)
  }
  return basket.orderToken(id)
}

async function load() {
  try {
    order = (await call('GET', '/orders/' + encodeURIComponent(id), { token: token(), onWait: waiting })).body
    draw()
  } catch (problem) {
    notice('bad', explain(problem), ' ', el('a', { href: location.pathname }, 'Try again'), ' · ', el('a', { href: '/' }, 'Go to the shop'))
  }
}

function draw() {
  const payable = order.status === 'PENDING' || order.status === 'AWAITING_PAYMENT'
  const over = Date.parse(order.hold_expires_at) <= Date.now()
  $('paying').hidden = !payable || over
  if (payable && !over) return drawPayable()
  if (order.confirmed_at) {
    show('state', el('p', {}, 'This order is paid. '), el('a', { class: 'button main', href: '/return?order=' + id }, 'See the order'))
    return
  }
  show('state', ended(), again())
}

function ended() {
  if (order.status === 'CANCELLED') return el('p', {}, 'This order was cancelled. Money that still arrives for it goes back by itself.')
  return el('p', {}, `The time to pay this order ended at ${clock(order.hold_expires_at)}, and what was held for it is for sale again. `,
    'Nothing was charged so far. Should a payment that you began still arrive, the order is confirmed if its stock is there, and the money goes back by itself if not.')
}

// again puts an order's lines back into the basket.
function again() {
  const fill = () => {
    basket.finish()
    basket.setCurrency(order.currency)
    basket.replaceItems(order.lines.map(({ sku, qty }) => ({ sku, qty })))
    location.assign('/checkout')
  }
  return el('button', { type: 'button', class: 'button main', click: fill }, 'Order the same again')
}

function drawPayable() {
  show('summary', summary(order))
  $('pay').textContent = Number(order.amount) === 0 ? 'Confirm' : 'Pay ' + price(order.amount, order.currency)
  $('fields').hidden = Number(order.amount) === 0
  show('earlier', earlier())
  tick()
}

// earlier tells of attempts before this one.
function earlier() {
  const last = order.payments.at(-1)
  if (!last) return null
  if (last.status === 'FAILED') {
    return el('div', { class: 'note bad', role: 'alert' }, `The payment failed: ${last.failure?.message ?? 'it was declined.'} `,
      'Your order is still held for you: try again, or pay another way.')
  }
  const address = last.status === 'PENDING' && webAddress(last.action?.url ?? '')
  const goOn = address && last.action.type === 'redirect'
  return el('div', { class: 'note' }, 'You have begun to pay this order: ',
    goOn ? [el('a', { href: address }, 'go on with that payment'), ', '] : null,
    el('a', { href: '/return?order=' + id }, 'see how it stands'), ', or pay another way.')
}

let timer

// tick counts down the time for which the stock is held.
function tick() {
  clearTimeout(timer)
  const left = Date.parse(order.hold_expires_at) - Date.now()
  if (left <= 0) return load()
  show('left', `The stock is held for you for another ${minutes(left)} minutes.`)
  timer = setTimeout(tick, 1000)
}

async function pay() {
  if (Number(order.amount) === 0) return location.assign('/return?order=' + id)
  const method = $('form').querySelector('[name=method]:checked').value
  const instrument = method === 'card' && $('token').value
  const choice = { id, method, instrument, attempts: order.payments.length }
  const body = {
    orderId: id, amount: order.amount, payment_method: method,
    return_url: new URL('/return?order=' + id, location.href).href,
    ...(instrument && { payment_token: instrument }),
  }
  try {
    const { status, body: payment } = await keyed('pay', choice, (key) => initiate({ ...body, idempotency_key: key }))
    clearNotice()
    if (status === 202) return location.assign('/return?order=' + id)
    await follow(payment)
  } catch (problem) {
    await refused(problem)
  }
}

const patience = 3

// initiate asks again for an outcome that the gateway has not told yet.
async function initiate(body) {
  for (let n = 1; ; n++) {
    const answer = await call('POST', '/payment/initiate', { body, token: token(), idempotencyKey: body.idempotency_key, onWait: waiting })
    if (answer.status !== 202 || n === patience) return answer
    notice('', 'The gateway has not answered yet. One moment …')
    await pause(2000)
  }
}

// follow does what the gateway wants of the buyer's browser.
async function follow(payment) {
  const action = payment.action
  const address = webAddress(action?.url ?? '')
  if (payment.status === 'FAILED') {
    await load()
    return $('earlier').scrollIntoView({ block: 'nearest' })
  }
  if (action?.type === 'redirect' && address) return location.assign(address)
  if (action?.type === 'form_post' && address) return post(address, action.fields ?? {})
  if (action?.type === 'upi_intent') return upi(action)
  location.assign('/return?order=' + id)
}

function post(address, fields) {
  const form = el('form', { method: 'post', action: address, hidden: true },
    Object.entries(fields).map(([name, value]) => el('input', { type: 'hidden', name, value })))
  document.body.append(form)
  form.submit()
}

// upi shows the code for the buyer's app. The app does not come back here, so the
// order's page watches for the money.
function upi(action) {
  $('paying').hidden = true
  const code = action.qr_svg ? 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(action.qr_svg) : ''
  const app = action.uri?.startsWith('upi:') ? action.uri : ''
  show('upi', el('div', { class: 'card qr' },
    el('h2', {}, 'Pay with your UPI app'),
    code ? el('img', { src: code, alt: 'QR code of the payment', width: 220, height: 220 }) : null,
    app ? el('p', {}, el('a', { class: 'button', href: app }, 'Open the UPI app')) : null,
    el('p', {}, el('a', { class: 'button main', href: '/return?order=' + id }, 'I have paid'))))
}

async function refused(problem) {
  if (problem.code === 'order_expired' || problem.code === 'order_state') return load()
  const way = problem.code === 'payment_in_progress' ? el('a', { href: '/return?order=' + id }, 'See how it stands') : null
  notice('bad', explain(problem), ' ', way)
}

$('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  clearNotice()
  await busy($('pay'), $('fields'), pay)
})
addEventListener('pageshow', (event) => { if (event.persisted) location.reload() })
load()
