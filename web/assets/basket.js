// What the buyer's browser remembers: the basket, the cart that stands for it at
// the server, the session that holds stock for it, and the tokens of orders.

import { newKey } from './api.js'

function read(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem('kassa.' + name)) ?? otherwise
  } catch {
    return otherwise
  }
}

const write = (name, value) => localStorage.setItem('kassa.' + name, JSON.stringify(value))
const forget = (name) => localStorage.removeItem('kassa.' + name)

export const currency = () => read('currency', document.body.dataset.currency)
export const setCurrency = (code) => write('currency', code)

// items are [{ sku, qty }] in the order in which they were chosen.
export const items = () => read('basket', [])

export const count = () => items().reduce((sum, item) => sum + item.qty, 0)

export function quantity(sku) {
  return items().find((item) => item.sku === sku)?.qty ?? 0
}

// maxQty is the API's limit of units of one line.
const maxQty = 100000

export function setQuantity(sku, qty) {
  const list = items()
  const found = list.find((item) => item.sku === sku)
  if (found) found.qty = Math.min(qty, maxQty)
  else list.push({ sku, qty: Math.min(qty, maxQty) })
  write('basket', list.filter((item) => item.qty > 0))
}

export const replaceItems = (list) => write('basket', list)

// same tells whether two lists want the same.
export function same(a, b) {
  const text = (list) => JSON.stringify(list.map(({ sku, qty }) => [sku, qty]).sort())
  return text(a) === text(b)
}

export const cart = () => read('cart', '')
export const setCart = (id) => write('cart', id)
export const dropCart = () => forget('cart')

// session names the stock that is held for this browser.
export function session() {
  if (!read('session', '')) write('session', newKey())
  return read('session', '')
}

// finish clears what an order has taken over.
export function finish(cartID) {
  if (cartID && cartID !== cart()) return
  forget('basket')
  forget('cart')
  forget('session')
}

const keptOrders = 20

export function rememberOrder(id, token) {
  const orders = read('orders', []).filter((order) => order.id !== id)
  write('orders', [{ id, token }, ...orders].slice(0, keptOrders))
}

export function orderToken(id) {
  return read('orders', []).find((order) => order.id === id)?.token ?? ''
}

const memory = 60_000

// A shortage that the server has told of is remembered for a minute.
export function rememberShortages(list) {
  write('short', { at: Date.now(), list })
}

export function shortage(sku) {
  const short = read('short', { at: 0, list: [] })
  return Date.now() - short.at < memory ? short.list.find((s) => s.sku === sku) : undefined
}
