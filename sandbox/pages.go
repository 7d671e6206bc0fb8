package sandbox

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pageTemplates = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// addPages mounts what a buyer sees.
func (s *Sandbox) addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /c/pay/{id}", s.showCheckout)
	mux.HandleFunc("POST /c/pay/{id}", s.pay)
	mux.HandleFunc("GET /3ds/{id}", s.show3DS)
	mux.HandleFunc("POST /3ds/{id}", s.answer3DS)
}

// checkoutPage is what checkout.html shows.
type checkoutPage struct {
	Session *session
	Total   string
	Lines   []pageLine
	Cards   []pageCard
	Error   string
	BackURL string
}

type pageLine struct {
	Name     string
	Quantity int64
	Amount   string
}

type pageCard struct{ Token, Number, Label string }

// messagePage is what message.html shows.
type messagePage struct{ Title, Text, Link, LinkText string }

// sendPage renders a template. The pages take nothing from elsewhere and may not be framed.
func (s *Sandbox) sendPage(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&body, name, data); err != nil {
		s.log.Error("page not rendered", "page", name, "error", err)
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the buyer may be gone
}

func (s *Sandbox) sendMessage(w http.ResponseWriter, status int, m messagePage) {
	s.sendPage(w, status, "message.html", m)
}

// showCheckout is the hosted page of a Checkout Session.
func (s *Sandbox) showCheckout(w http.ResponseWriter, r *http.Request) {
	s.sendCheckout(w, http.StatusOK, s.checkout(r.PathValue("id"), nil))
}

// checkoutView is a session as its page needs it, copied under the lock.
type checkoutView struct {
	found   bool
	session session
	failure string
	next    string // where to send the buyer
}

// checkout looks at a session, after act has done something to an open one.
func (s *Sandbox) checkout(id string, act func(*tx, *session) (next, failure string)) checkoutView {
	var view checkoutView
	s.courier.publish(s.update(requestInfo{}, func(tx *tx) {
		found := tx.stripe.sessions[id]
		if found == nil {
			return
		}
		if found.Status == sessionOpen && act != nil {
			view.next, view.failure = act(tx, found)
		} else if pi, ok := tx.stripe.intents.find(found.PaymentIntent); ok && pi.LastError != nil {
			view.failure = pi.LastError.Message
		}
		view.found, view.session = true, *found
	}))
	return view
}

// sendCheckout shows what there is to see of a session; status is that of a page on which one can pay.
func (s *Sandbox) sendCheckout(w http.ResponseWriter, status int, view checkoutView) {
	switch {
	case !view.found:
		s.sendMessage(w, http.StatusNotFound, messagePage{Title: "Nothing to pay here", Text: "This checkout page does not exist."})
	case view.session.Status == sessionExpired:
		s.sendMessage(w, http.StatusGone, messagePage{Title: "This page has expired", Text: "The checkout session has expired. Nothing was charged.",
			Link: view.session.CancelURL, LinkText: "Back to the shop"})
	case view.session.Status == sessionComplete:
		s.sendMessage(w, http.StatusOK, messagePage{Title: "All done", Text: "This checkout session has been completed.",
			Link: view.session.successLink(), LinkText: "Continue to the shop"})
	default:
		s.sendPage(w, status, "checkout.html", newCheckoutPage(&view))
	}
}

func newCheckoutPage(view *checkoutView) checkoutPage {
	page := checkoutPage{Session: &view.session, Total: displayed(view.session.Total, view.session.Currency), Error: view.failure, BackURL: view.session.CancelURL}
	for _, line := range view.session.Lines {
		page.Lines = append(page.Lines, pageLine{line.Name, line.Quantity, displayed(line.Unit*line.Quantity, view.session.Currency)})
	}
	for _, card := range testCards {
		if card.label != "" {
			page.Cards = append(page.Cards, pageCard{card.token, spaced(card.number), card.label})
		}
	}
	return page
}

// displayed writes an amount as shops do: 49.98 INR.
func displayed(amount int64, code string) string { return strings.ToUpper(display(amount, code)) }

// spaced writes a card number in groups of four.
func spaced(number string) string {
	var groups []string
	for len(number) > 4 {
		groups, number = append(groups, number[:4]), number[4:]
	}
	return strings.Join(append(groups, number), " ")
}

// successLink is the success_url with the session's id filled in.
func (s *session) successLink() string {
	return strings.ReplaceAll(s.SuccessURL, "{CHECKOUT_SESSION_ID}", s.ID)
}

// pay takes the form of the hosted page: outcome is succeed, fail, pending or cancel; card_number or instrument (a test
// token) says what to pay with.
func (s *Sandbox) pay(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
	if err := r.ParseForm(); err != nil {
		s.sendMessage(w, http.StatusBadRequest, messagePage{Title: "Bad request", Text: "The form could not be read."})
		return
	}
	outcome, number, token := r.PostForm.Get("outcome"), r.PostForm.Get("card_number"), r.PostForm.Get("instrument")
	if !slices.Contains([]string{"succeed", "fail", "pending", "cancel"}, outcome) {
		s.sendMessage(w, http.StatusBadRequest, messagePage{Title: "Bad request", Text: "The outcome must be succeed, fail, pending or cancel."})
		return
	}
	view := s.checkout(r.PathValue("id"), func(tx *tx, session *session) (string, string) {
		if outcome == "cancel" {
			return session.CancelURL, ""
		}
		in, failed := chosenInstrument(outcome, number, token)
		if failed != nil {
			return "", failed.Message
		}
		return tx.paySession(session, in)
	})
	if view.next == "" && view.session.Status == sessionComplete {
		view.next = view.session.successLink()
	}
	if view.next != "" {
		http.Redirect(w, r, view.next, http.StatusSeeOther)
		return
	}
	status := http.StatusOK
	if view.failure != "" {
		status = http.StatusPaymentRequired
	}
	s.sendCheckout(w, status, view)
}

// chosenInstrument is what the buyer pays with. The number goes no further than here.
func chosenInstrument(outcome, number, token string) (instrument, *failure) {
	if outcome == "fail" {
		token, number = "pm_card_chargeDeclined", ""
	}
	if token == "" {
		token = "pm_card_visa"
	}
	in, ok := instrumentByToken(token)
	if number != "" {
		var failed *failure
		if in, failed = instrumentByNumber(number); failed != nil {
			return in, failed
		}
	} else if !ok {
		return in, &failure{Code: "resource_missing", Message: "There is no test instrument of that name."}
	}
	if outcome == "pending" {
		in.Delay = delayForever
	}
	return in, nil
}

// paySession makes an attempt at an open session. It returns where the buyer goes next, or why the payment failed.
func (tx *tx) paySession(session *session, in instrument) (next, failed string) {
	pi := tx.sessionIntent(session)
	tx.supersede(pi)
	if err := tx.confirm(pi, confirmation{method: tx.newMethod(in)}); err != nil {
		return "", err.Message
	}
	if pi.Core.state() == stateAction {
		return tx.publicURL + "/3ds/" + pi.Core.last().ID, ""
	}
	return session.successLink(), ""
}

// show3DS is the bank's page on which a buyer proves who they are.
func (s *Sandbox) show3DS(w http.ResponseWriter, r *http.Request) {
	var amount string
	s.courier.publish(s.update(requestInfo{}, func(tx *tx) {
		if a := tx.waiting(r.PathValue("id")); a != nil {
			amount = displayed(a.intent.Amount, strings.ToLower(a.intent.Currency))
		}
	}))
	if amount == "" {
		s.send3DSOver(w)
		return
	}
	s.sendPage(w, http.StatusOK, "3ds.html", map[string]string{"Amount": amount})
}

func (s *Sandbox) send3DSOver(w http.ResponseWriter) {
	s.sendMessage(w, http.StatusGone, messagePage{Title: "Nothing to confirm", Text: "This payment does not wait for you, or not any more."})
}

// waiting is an attempt that waits for its buyer, or nil.
func (tx *tx) waiting(id string) *attempt {
	if a := tx.book.attempts[id]; a != nil && a.State == attemptAction {
		return a
	}
	return nil
}

// answer3DS takes the buyer's answer: result is succeed or fail.
func (s *Sandbox) answer3DS(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
	result := r.PostFormValue("result")
	if result != "succeed" && result != "fail" {
		s.sendMessage(w, http.StatusBadRequest, messagePage{Title: "Bad request", Text: "The result must be succeed or fail."})
		return
	}
	var next string
	found := false
	s.courier.publish(s.update(requestInfo{}, func(tx *tx) {
		if a := tx.waiting(r.PathValue("id")); a != nil {
			found = true
			pi := tx.stripe.of(a.intent)
			next = tx.afterwards(pi, tx.authenticate(pi, a, result == "succeed"))
		}
	}))
	switch {
	case !found:
		s.send3DSOver(w)
	case next == "":
		s.sendMessage(w, http.StatusOK, messagePage{Title: "Thank you", Text: "You can close this page."})
	default:
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

// afterwards is where the buyer goes after 3D Secure: the shop, or the checkout page again where it failed.
func (tx *tx) afterwards(pi *paymentIntent, failed *apiError) string {
	if session := tx.stripe.sessions[pi.Session]; session != nil {
		if failed == nil {
			return session.successLink()
		}
		return tx.publicURL + "/c/pay/" + session.ID
	}
	back, err := url.Parse(pi.ReturnURL)
	if err != nil || pi.ReturnURL == "" {
		return ""
	}
	q := back.Query()
	q.Set("payment_intent", pi.Core.ID)
	q.Set("payment_intent_client_secret", pi.ClientSecret)
	q.Set("redirect_status", "succeeded")
	if failed != nil {
		q.Set("redirect_status", "failed")
	}
	back.RawQuery = q.Encode()
	return back.String()
}
