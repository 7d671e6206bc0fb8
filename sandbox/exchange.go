package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// exchange is one HTTP request to Stripe's API and its answer.
type exchange struct {
	*Sandbox
	op    *operation
	w     http.ResponseWriter
	r     *http.Request
	id    string // req_…
	key   string // Idempotency-Key
	form  *form
	drawn []Fault // what goes wrong this time
}

// reply is an answer that can be stored and repeated.
type reply struct {
	Status    int
	Body      []byte
	RequestID string
	RetryS    int  `json:",omitempty"` // Retry-After
	HTML      bool `json:",omitempty"`
	replayed  bool
}

func (s *Sandbox) newExchange(op *operation, w http.ResponseWriter, r *http.Request) *exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publicURL == "" {
		s.publicURL = "http://" + r.Host
	}
	return &exchange{Sandbox: s, op: op, w: w, r: r, id: "req_" + s.ids.text(14), key: r.Header.Get("Idempotency-Key")}
}

// serve answers the request, unless a fault does something else to it.
func (x *exchange) serve() {
	if err := x.admit(); err != nil {
		x.write(x.fail(err))
		return
	}
	x.drawn = x.faults.draw(x.op.name, x.requestFaults(), x.key)
	if x.sabotageBefore() {
		return
	}
	answer := x.perform()
	x.log.Debug("stripe", "operation", x.op.name, "status", answer.Status, "request", x.id, "replayed", answer.replayed)
	x.sabotageAfter(answer)
}

// admit checks the API key and reads the form.
func (x *exchange) admit() *apiError {
	if err := x.authenticate(); err != nil {
		return err
	}
	if len(x.key) > 255 {
		return paramError("", "", "The Idempotency-Key must be at most 255 characters long.")
	}
	var err *apiError
	x.form, err = readForm(x.r)
	return err
}

func (x *exchange) authenticate() *apiError {
	key, _, ok := x.r.BasicAuth()
	if !ok {
		key, ok = strings.CutPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	}
	switch {
	case !ok || key == "":
		return &apiError{status: 401, Type: invalidRequest, Message: "You did not provide an API key. You need to provide your API key in the " +
			"Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."}
	case strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_"):
		return &apiError{status: 401, Type: invalidRequest, Message: "This is a sandbox, and a live mode key was sent to it. Never use live keys here."}
	case subtle.ConstantTimeCompare([]byte(key), []byte(x.config.SecretKey)) != 1:
		return &apiError{status: 401, Type: invalidRequest, Message: "Invalid API Key provided."}
	}
	return nil
}

// requestFaults are the faults that the objects in the form ask for.
func (x *exchange) requestFaults() []string {
	return append(faultNames(x.form.strings("metadata")), faultNames(x.form.strings("payment_intent_data", "metadata"))...)
}

// perform executes the request, or repeats the answer that its idempotency key already has.
func (x *exchange) perform() reply {
	if !x.keyed() {
		answer, _ := x.execute()
		return answer
	}
	fingerprint := sha256.Sum256([]byte(x.r.URL.Path + "\n" + x.form.encode()))
	stored, err := x.keys.begin(x.key, x.r.URL.Path, fingerprint, x.simTime())
	if err != nil {
		return x.fail(err)
	}
	if stored != nil {
		stored.replayed = true
		return *stored
	}
	answer, keep := x.execute()
	x.keys.finish(x.key, answer, keep)
	return answer
}

// keyed says whether the request has an idempotency key that counts.
func (x *exchange) keyed() bool { return x.r.Method == http.MethodPost && x.key != "" }

// execute runs the operation and publishes its events. keep says whether the answer belongs to the idempotency key.
func (x *exchange) execute() (answer reply, keep bool) {
	x.pause()
	if err := x.op.params.validate(x.form, ""); err != nil {
		return x.fail(err), false
	}
	var result any
	var failed *apiError
	worded := sync.OnceValue(func() reply { return x.encode(result, failed) })
	events := x.update(requestInfo{ID: x.id, Key: x.key}, func(tx *tx) {
		c := &call{tx: tx, form: x.form, id: x.r.PathValue("id"), expand: x.form.texts("expand")}
		result, failed = x.op.run(c)
		if keep = failed == nil || !failed.early; keep && x.keyed() {
			tx.answer = worded
		}
	})
	answer = worded() // outside the lock where there is no journal
	x.courier.publish(events)
	return answer, keep
}

// encode words the answer to an operation.
func (x *exchange) encode(result any, failed *apiError) reply {
	switch {
	case x.suffers(faultStored500) != nil:
		return x.fail(serverError(500))
	case failed != nil:
		return x.fail(failed)
	}
	return reply{Status: 200, Body: mustJSON(result), RequestID: x.id}
}

// fail words an error as Stripe does.
func (x *exchange) fail(err *apiError) reply {
	shown := *err
	if shown.DocURL == "" {
		shown.DocURL = docURL(shown.Code)
	}
	shown.RequestLogURL = "https://dashboard.stripe.com/test/logs/" + x.id
	return reply{Status: err.status, Body: mustJSON(errorBody{&shown}), RequestID: x.id}
}

// write sends an answer.
func (x *exchange) write(answer reply) {
	h := x.w.Header()
	h.Set("Request-Id", x.id)
	h.Set("Content-Type", "application/json")
	if answer.HTML {
		h.Set("Content-Type", "text/html")
	}
	h.Set("Stripe-Version", APIVersion)
	if asked := x.r.Header.Get("Stripe-Version"); asked != "" {
		h.Set("Stripe-Version", asked)
	}
	if x.key != "" && x.r.Method == http.MethodPost {
		h.Set("Idempotency-Key", x.key)
	}
	if answer.replayed {
		h.Set("Idempotent-Replayed", "true")
		h.Set("Original-Request", answer.RequestID)
	}
	if answer.RetryS > 0 {
		h.Set("Retry-After", strconv.Itoa(answer.RetryS))
	}
	if answer.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="Stripe"`)
	}
	h.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	x.w.WriteHeader(answer.Status)
	if _, err := x.w.Write(answer.Body); err != nil {
		x.log.Debug("client went away", "request", x.id)
	}
}

// sleep waits for d, or until the client or the sandbox is gone; it says whether it waited it out.
func (x *exchange) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
	case <-x.done:
	}
	return false
}
