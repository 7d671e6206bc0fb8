// Small parts that the pages share. Text goes in as text: nothing that the API
// answers is ever read as HTML.

export const $ = (id) => document.getElementById(id)

// el makes an element. Properties are attributes, or handlers where they are
// functions; children are elements or texts, and what is empty is left out.
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value != null) element.setAttribute(name, value)
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false && child !== ''))
  return element
}

// show replaces what is in an element and makes it visible.
export function show(id, ...children) {
  const place = $(id)
  place.hidden = false
  place.replaceChildren(...children.flat().filter(Boolean))
  return place
}

// notice says something above the page's content; kind is "good", "bad" or "".
export function notice(kind, ...content) {
  show('notice', el('div', { class: 'note ' + kind }, ...content))
  $('notice').scrollIntoView({ block: 'nearest' })
}

export const clearNotice = () => $('notice').replaceChildren()

// waiting is for call's onWait.
export const waiting = (seconds) => notice('', `The shop is busy or cannot be reached. Trying again in ${seconds} s …`)

// price writes a decimal text of the API in its currency.
export function price(amount, currency) {
  const locale = currency === 'INR' ? 'en-IN' : 'en'
  return new Intl.NumberFormat(locale, { style: 'currency', currency }).format(amount)
}

// total multiplies and adds decimal texts of one currency, exactly.
export function total(lines) {
  let sum = 0n
  let digits = 0
  for (const { amount, qty } of lines) {
    digits = amount.includes('.') ? amount.length - amount.indexOf('.') - 1 : 0
    sum += BigInt(amount.replace('.', '')) * BigInt(qty)
  }
  const text = sum.toString().padStart(digits + 1, '0')
  return digits ? text.slice(0, -digits) + '.' + text.slice(-digits) : text
}

export const clock = (time) => new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })

export const moment = (time) => new Date(time).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' })

// minutes writes what is left of a time to live.
export function minutes(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  return Math.floor(seconds / 60) + ':' + String(seconds % 60).padStart(2, '0')
}

// webAddress is an address that a browser may be sent to: nothing that runs here.
export function webAddress(text) {
  try {
    const url = new URL(text, location.href)
    return ['https:', 'http:'].includes(url.protocol) ? url.href : ''
  } catch {
    return ''
  }
}

// summary is a table of a quote's or an order's lines and totals.
export function summary(of) {
  const money = (amount) => price(amount, of.currency)
  const line = (name, amount, kind = '') => el('tr', { class: kind }, el('th', { scope: 'row', colspan: 2 }, name), el('td', {}, amount))
  return el('table', { class: 'lines' },
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Product'), el('th', { scope: 'col' }, 'Qty'), el('th', { scope: 'col' }, 'Amount'))),
    el('tbody', {}, of.lines.map((l) => el('tr', {}, el('td', {}, l.name), el('td', {}, String(l.qty)), el('td', {}, money(l.total))))),
    el('tfoot', {},
      of.discounts?.map((d) => line(d.name, '−' + money(d.amount))) ?? [],
      Number(of.shipping) > 0 ? line('Shipping', money(of.shipping)) : null,
      of.taxes?.map((t) => line(t.name, money(t.amount))) ?? [],
      line('Total', money(of.amount), 'total')))
}

// explain turns a Problem into words for a buyer.
export function explain(problem) {
  switch (problem.code) {
    case 'network':
      return problem.message
    case 'gateway_unavailable':
      return 'The payment gateway cannot be reached. Nothing was charged. Please try again.'
    case 'overloaded':
    case 'rate_limited':
      return 'The shop is very busy and has not taken your request. Nothing was ordered or charged by it. Please try again in a moment.'
    case 'method_unavailable':
      return 'This way to pay is not offered for this order. Please choose another.'
    case 'payment_in_progress':
      return 'An earlier attempt to pay is still being worked on. Let us see how it ends before you try again.'
    case 'not_found':
      return 'The shop does not know this order, or it was made in another browser.'
    case 'unauthorized':
    case 'forbidden':
      return 'The shop’s own key is not accepted: its operator must look.'
    case 'internal':
    case 'unexpected':
      return 'Something went wrong on our side. It is safe to try again.'
  }
  return problem.message
}

// busy runs what a button does, once at a time.
export async function busy(button, fields, work) {
  if (button.getAttribute('aria-busy') === 'true') return
  button.setAttribute('aria-busy', 'true')
  button.disabled = true
  if (fields) fields.disabled = true
  try {
    await work()
  } finally {
    button.removeAttribute('aria-busy')
    button.disabled = false
    if (fields) fields.disabled = false
  }
}
