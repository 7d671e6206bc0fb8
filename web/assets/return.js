import { call, pause } from './api.js'
import * as basket from './basket.js'
import { $, clearNotice, el, explain, moment, price, show, summary, waiting, webAddress } from './view.js'

const query = new URLSearchParams(location.search)
const id = query.get('order') ?? ''
if (query.get('token')) {
  basket.rememberOrder(id, query.get('token'))
  history.replaceState(null, '', '/return?order=' + encodeURIComponent(id))
}
const token = basket.orderToken(id)

const payPage = () => el('a', { class: 'button main', href: '/pay/' + encodeURIComponent(id) }, 'Pay another way')
const shopPage = () => el('a', { class: 'button', href: '/' }, 'Back to the shop')

function state(headline, ...content) {
  $('headline').textContent = headline
  document.title = headline
  show('state', content)
}

const asks = 40

// watch asks how the order stands until that is certain.
async function watch() {
  for (let n = 1; n <= asks; n++) {
    const { status, body } = await call('POST', '/checkout/confirm', { body: { order_id: id }, token, repeatable: true, onWait: waiting })
    clearNotice()
    if (status === 200) return confirmed(body)
    undecided(body, n)
    await pause(Math.min(1000 * n, 5000))
  }
  state('Your payment is still open', el('p', {}, 'The gateway has not said yet whether you have paid. You are not charged twice: we keep asking, and your order is confirmed as soon as the money is there.'),
    el('a', { class: 'button main', href: location.href }, 'Ask again'), ' ', payPage())
}

// undecided is shown while the payment is open: the buyer may have come back
// without having paid.
function undecided(order, n) {
  if (n === 2 || $('headline').textContent.startsWith('One moment')) {
    const open = order.payments?.findLast((p) => p.status === 'PENDING' && p.action?.type === 'redirect')
    const address = webAddress(open?.action.url ?? '')
    state('Waiting for your payment', el('p', { class: 'spinner' }, 'As soon as the gateway tells us that you have paid, your order is confirmed. This page keeps asking.'),
      n > 1 ? unpaid(address) : null)
  }
}

// unpaid is for a buyer who came back without having paid; address is the
// gateway's page, where it has one.
function unpaid(address) {
  const goOn = address ? [el('a', { class: 'button', href: address }, 'Go on with the payment'), ' '] : null
  return el('p', {}, 'You came back without paying? ', el('br'), goOn, el('a', { class: 'button', href: '/pay/' + encodeURIComponent(id) }, 'Pay another way'))
}

async function confirmed(order) {
  basket.finish(order.cart_id)
  const words = { CONFIRMED: 'Thank you, your order is confirmed', PARTIALLY_REFUNDED: 'Part of your order was refunded', REFUNDED: 'Your order was refunded' }
  const invoice = order.invoice ? `Invoice ${order.invoice.series}/${order.invoice.number}.` : ''
  const back = Number(order.refunded_amount) > 0 ? ` ${price(order.refunded_amount, order.currency)} went back to you.` : ''
  state(words[order.status] ?? 'Your order',
    el('p', { class: 'note good' }, 'Order ', el('b', {}, order.order_number), ` of ${moment(order.created_at)}, for ${order.customer.email}. ${invoice}${back}`),
    shopPage())
  $('order').hidden = false
  show('summary', summary(order), address(order.shipping_address))
  await drawTimeline()
}

function address(a) {
  if (!a) return null
  const lines = [a.name, a.line1, a.line2, [a.postal_code, a.city].filter(Boolean).join(' '), [a.state, a.country].filter(Boolean).join(', ')]
  return el('address', {}, 'Goes to', lines.filter(Boolean).map((line) => [el('br'), line]))
}

const happened = {
  'order.created': 'Ordered; the stock is held',
  'payment.initiated': 'Payment begun',
  'payment.pending': 'Waiting for you at the gateway',
  'payment.unknown': 'The gateway did not answer; we ask again',
  'payment.repeated': 'Payment begun again',
  'payment.authorized': 'Money authorised',
  'payment.succeeded': 'Paid',
  'payment.failed': 'Payment failed',
  'payment.voided': 'Authorisation given back',
  'payment.closing': 'An earlier attempt is being ended',
  'payment.superseded': 'Another attempt takes its place',
  'payment.extra': 'Money that came twice goes back',
  'order.confirmed': 'Order confirmed; the stock is yours',
  'order.refund_state': 'Refund booked',
  'refund.created': 'Refund begun',
  'refund.succeeded': 'Refunded',
  'refund.failed': 'Refund failed; the shop looks after it',
  'order.cancelled': 'Order cancelled',
  'order.expired': 'Order expired',
  'order.restocked': 'Stock put back',
}

async function drawTimeline() {
  try {
    const { body } = await call('GET', '/orders/' + encodeURIComponent(id) + '/timeline', { token })
    show('timeline', body.items.map((event) => el('li', {},
      el('b', {}, happened[event.type] ?? event.type),
      el('time', { datetime: event.at, class: 'quiet' }, moment(event.at)),
      event.data?.failure ? el('span', { class: 'quiet' }, event.data.failure.replaceAll('_', ' ')) : null,
      event.data?.late ? el('span', { class: 'quiet' }, 'The money came after the order had expired; its stock was still there.') : null)))
  } catch (problem) {
    show('timeline', el('li', {}, explain(problem)))
  }
}

function refused(problem) {
  switch (problem.code) {
    case 'payment_failed':
      return state('The payment failed', el('p', { class: 'note bad' }, 'Nothing was charged. Your order is still held for you: you can pay it another way, or try again.'), payPage(), ' ', shopPage())
    case 'order_expired':
      return state('The order has expired', el('p', {}, 'The time to pay it is over, and what was held for it is for sale again. Should a payment that you began still arrive, the order is confirmed if its stock is there, and the money goes back by itself if not.'),
        el('a', { class: 'button main', href: '/pay/' + encodeURIComponent(id) }, 'See the order'), ' ', shopPage())
    case 'order_state':
      return state('The order is not paid', el('p', {}, explain(problem)), payPage(), ' ', shopPage())
    case 'not_found':
      return state('We cannot find this order', el('p', {}, explain(problem)), shopPage())
  }
  state('We do not know yet how it stands', el('p', { class: 'note bad' }, explain(problem)), el('a', { class: 'button main', href: location.href }, 'Ask again'), ' ', shopPage())
}

watch().catch(refused)
