import { call } from './api.js'
import * as basket from './basket.js'
import { $, clearNotice, el, explain, notice, price, show, total, waiting } from './view.js'

let products = []

async function load() {
  const { body } = await call('GET', '/shop/products', { onWait: waiting })
  clearNotice()
  products = body.items
}

const amountOf = (product) => product.prices[basket.currency()]

// available is how many can be had, where that is known.
function available(product) {
  return product.available_qty ?? basket.shortage(product.sku)?.available
}

function matching() {
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean)
  return products.filter((p) => amountOf(p) && words.every((w) => (p.name + ' ' + p.sku).toLowerCase().includes(w)))
}

function drawProducts() {
  const list = matching()
  const short = list.length === 1 ? '1 product' : `${list.length} products`
  show('found', list.length ? short : 'Nothing is found. Try another word or currency.')
  show('products', list.map(card))
}

function card(product) {
  const left = available(product)
  return el('li', { class: 'product', 'data-sku': product.sku },
    picture(product),
    el('h3', {}, product.name),
    el('p', { class: 'price' }, price(amountOf(product), basket.currency())),
    left === 0 ? el('p', { class: 'tag bad' }, 'Sold out') : left <= 5 ? el('p', { class: 'tag' }, `Only ${left} left`) : null,
    left === 0 && !basket.quantity(product.sku) ? null : chooser(product, left))
}

function picture(product) {
  const image = product.image ?? ''
  const shown = image.startsWith('data:image/') || image.startsWith('https://') || image.startsWith('/')
  return el('div', { class: 'picture' }, shown ? el('img', { src: image, alt: '', loading: 'lazy', width: 160, height: 160 }) : null)
}

function chooser(product, left) {
  const qty = basket.quantity(product.sku)
  const change = (by) => () => set(product.sku, qty + by)
  if (qty === 0) {
    return el('button', { type: 'button', class: 'button', 'data-act': 'add', click: change(1) }, 'Add to basket', el('span', { class: 'hidden' }, ': ' + product.name))
  }
  return el('div', { class: 'stepper', role: 'group', 'aria-label': 'Quantity of ' + product.name },
    el('button', { type: 'button', 'data-act': 'less', 'aria-label': 'One less', click: change(-1) }, '−'),
    el('output', {}, String(qty)),
    el('button', { type: 'button', 'data-act': 'add', 'aria-label': 'One more', disabled: qty >= left, click: change(1) }, '+'))
}

function set(sku, qty) {
  const pressed = document.activeElement
  const list = pressed?.closest('#basket') ? 'basket' : 'products'
  basket.setQuantity(sku, qty)
  draw()
  refocus(list, sku, pressed?.dataset.act)
}

// refocus puts the keyboard back on the button that was pressed: it was drawn anew.
function refocus(list, sku, act) {
  const row = $(list).querySelector(`[data-sku="${CSS.escape(sku)}"]`)
  const button = row?.querySelector(`[data-act="${act}"]:not(:disabled)`) ?? row?.querySelector('button')
  button?.focus()
}

function drawBasket() {
  const lines = basket.items().map((item) => ({ ...item, product: products.find((p) => p.sku === item.sku) }))
  const sold = lines.filter((l) => l.product && amountOf(l.product))
  const gone = lines.filter((l) => !l.product || !amountOf(l.product))
  if (lines.length === 0) {
    show('basket', el('p', { class: 'quiet' }, 'It is empty.'))
    $('bar').hidden = true
    return
  }
  const sum = total(sold.map((l) => ({ amount: amountOf(l.product), qty: l.qty })))
  show('bar', el('span', {}, `Basket (${basket.count()})`), el('b', {}, price(sum, basket.currency())))
  show('basket',
    el('ul', { class: 'rows' }, sold.map(row), gone.map(goneRow)),
    el('p', { class: 'sum' }, el('span', {}, 'Total'), el('b', {}, price(sum, basket.currency()))),
    gone.length ? null : el('a', { class: 'button main', href: '/checkout' }, `Checkout (${basket.count()})`))
}

function row({ product, qty }) {
  return el('li', { 'data-sku': product.sku },
    el('span', {}, product.name),
    el('span', { class: 'quiet' }, price(total([{ amount: amountOf(product), qty }]), basket.currency())),
    chooser(product, available(product)))
}

function goneRow({ sku, product }) {
  const why = product ? `is not sold in ${basket.currency()}` : 'is not sold any more'
  return el('li', { 'data-sku': sku }, el('span', {}, `${product?.name ?? sku} ${why}.`),
    el('button', { type: 'button', class: 'button', click: () => set(sku, 0) }, 'Remove'))
}

function drawCurrencies() {
  const codes = [...new Set(products.flatMap((p) => Object.keys(p.prices)))].sort()
  if (codes.length && !codes.includes(basket.currency())) basket.setCurrency(codes[0])
  show('currency', codes.map((code) => el('option', { value: code, selected: code === basket.currency() }, code)))
}

function draw() {
  drawProducts()
  drawBasket()
}

async function start() {
  $('search').addEventListener('input', drawProducts)
  $('search-form').addEventListener('submit', (event) => event.preventDefault())
  $('currency').addEventListener('change', () => { basket.setCurrency($('currency').value); draw() })
  addEventListener('pageshow', (event) => { if (event.persisted) draw() })
  addEventListener('storage', draw)
  try {
    await load()
    drawCurrencies()
    draw()
  } catch (problem) {
    show('found', 'The products could not be loaded.')
    notice('bad', explain(problem), ' ', el('a', { href: '/' }, 'Try again'))
  }
}

start()
