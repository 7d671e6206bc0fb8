import { call, keyed } from './api.js'
import * as basket from './basket.js'
import { $, busy, clearNotice, clock, el, explain, notice, show, summary, waiting } from './view.js'

let held // until when the stock is held, in milliseconds

// saveCart makes the server's cart what the basket is. A cart whose order lives
// refuses edits: where it is this very basket's the buyer goes on with that order,
// else another cart takes its place.
async function saveCart() {
  const wanted = { currency: basket.currency(), items: basket.items() }
  if (basket.cart()) {
    try {
      return (await call('PUT', '/carts/' + basket.cart(), { body: wanted, onWait: waiting })).body
    } catch (problem) {
      if (problem.code === 'order_state' && await continueOrder(wanted)) return null
      if (problem.code !== 'order_state' && problem.code !== 'not_found') throw problem
      basket.dropCart()
    }
  }
  const { body } = await keyed('cart', wanted, (idempotencyKey) => call('POST', '/carts', { body: wanted, idempotencyKey, onWait: waiting }))
  basket.setCart(body.cart_id)
  return body
}

// continueOrder offers the order that the cart has already become.
async function continueOrder(wanted) {
  const { body: cart } = await call('GET', '/carts/' + basket.cart())
  const token = basket.orderToken(cart.order_id)
  if (!token || cart.currency !== wanted.currency || !basket.same(cart.items, wanted.items)) return false
  const { body: order } = await call('GET', '/orders/' + cart.order_id, { token })
  if (order.status !== 'PENDING' && order.status !== 'AWAITING_PAYMENT') return false
  $('form').hidden = true
  show('summary', summary(order))
  notice('', `You have ordered this already (${order.order_number}), and it waits for your payment until ${clock(order.hold_expires_at)}. `,
    el('a', { class: 'button', href: '/pay/' + order.order_id }, 'Go on to the payment'))
  return true
}

// hold locks the stock while the buyer fills in the form.
async function hold() {
  const body = { session_id: basket.session(), items: basket.items() }
  try {
    const answer = await call('POST', '/inventory/lock', { body, repeatable: true, onWait: waiting })
    held = Date.parse(answer.body.expires_at)
    show('held', `Held for you until ${clock(held)}.`)
    return true
  } catch (problem) {
    if (problem.code === 'out_of_stock') return shortages(problem.items)
    if (problem.code === 'rate_limited') return true // the order holds it anyway
    throw problem
  }
}

// shortages says what can be had and offers to take that.
function shortages(list) {
  basket.rememberShortages(list)
  const name = (sku) => document.querySelector(`[data-sku="${CSS.escape(sku)}"]`)?.dataset.name ?? sku
  const lines = list.map(({ sku, requested, available }) => el('li', {}, el('b', {}, name(sku)), available > 0
    ? `: you want ${requested}, and ${available} can be had.`
    : ': sold out.'))
  const take = () => {
    for (const { sku, available } of list) basket.setQuantity(sku, available)
    begin()
  }
  notice('bad', el('p', {}, 'There is not enough stock. Nothing was held or ordered.'), el('ul', {}, lines),
    el('button', { type: 'button', class: 'button', click: take }, 'Take what there is'), ' ',
    el('a', { href: '/' }, 'Back to the shop'))
  $('order').disabled = true
  show('held', '')
  return false
}

async function begin() {
  if (basket.count() === 0) {
    $('form').hidden = true
    show('summary', el('p', {}, 'Your basket is empty.'))
    return
  }
  try {
    const cart = await saveCart()
    if (!cart) return
    clearNotice()
    show('summary', summary(cart.quote))
    nameLines(cart.quote.lines)
    $('order').disabled = false
    await hold()
  } catch (problem) {
    notice('bad', explain(problem), ' ', el('a', { href: '/checkout' }, 'Try again'), ' · ', el('a', { href: '/' }, 'Back to the shop'))
  }
}

// nameLines keeps the names of products with the rows that show them.
function nameLines(lines) {
  const rows = $('summary').querySelectorAll('tbody tr')
  lines.forEach((line, i) => {
    rows[i].dataset.sku = line.sku
    rows[i].dataset.name = line.name
  })
}

// details reads the form into the request's own shape.
function details() {
  const out = { customer: {}, shipping_address: {} }
  for (const input of $('form').querySelectorAll('input[name]')) {
    const [group, field] = input.name.split('.')
    const value = input.value.trim()
    if (value || input.required || field === 'state' || field === 'postal_code') out[group][field] = value
  }
  out.shipping_address.name = out.customer.name
  return out
}

function markFields(errors) {
  let first
  for (const input of $('form').querySelectorAll('input[name]')) {
    const error = errors.find((e) => e.field === input.name)
    const help = input.parentElement.querySelector('.error')
    help?.remove()
    input.removeAttribute('aria-invalid')
    if (!error) continue
    first ??= input
    input.setAttribute('aria-invalid', 'true')
    input.setAttribute('aria-describedby', input.id + '-error')
    input.after(el('p', { class: 'error', id: input.id + '-error' }, error.reason))
  }
  first?.focus()
  return Boolean(first)
}

// checkForm asks the browser what it thinks of the form.
function checkForm() {
  const errors = [...$('form').querySelectorAll('input[name]')].filter((i) => !i.checkValidity())
    .map((i) => ({ field: i.name, reason: i.validationMessage }))
  return !markFields(errors)
}

async function place() {
  const body = { cart_id: basket.cart(), session_id: basket.session(), ...details() }
  if (held && Date.now() > held) show('held', 'The time for which the stock was held is over; it is held anew with your order.')
  try {
    const { body: order } = await keyed('checkout', body, (idempotencyKey) => call('POST', '/checkout', { body, idempotencyKey, onWait: waiting }))
    basket.rememberOrder(order.order_id, order.order_token)
    location.assign('/pay/' + order.order_id)
  } catch (problem) {
    refused(problem)
  }
}

function refused(problem) {
  if (problem.code === 'out_of_stock') return shortages(problem.items)
  if (problem.code === 'not_found') {
    basket.dropCart()
    return begin()
  }
  if (problem.code === 'invalid_request' && markFields(problem.errors)) return notice('bad', 'Please correct the marked fields.')
  notice('bad', explain(problem))
}

$('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  clearNotice()
  if (checkForm()) await busy($('order'), $('fields'), place)
})
addEventListener('pageshow', (event) => { if (event.persisted) location.reload() })
begin()
