package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// addControl mounts the control API, which tests and demos use and no gateway has.
func (s *Sandbox) addControl(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/ledger", func(w http.ResponseWriter, _ *http.Request) { sendJSON(w, http.StatusOK, s.Ledger()) })
	mux.HandleFunc("GET /_sim/deliveries", func(w http.ResponseWriter, _ *http.Request) {
		sendJSON(w, http.StatusOK, map[string]any{"deliveries": s.courier.deliveries()})
	})
	mux.HandleFunc("POST /_sim/deliveries/{id}/redeliver", s.redeliver)
	mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		sendJSON(w, http.StatusOK, map[string]any{"faults": s.faults.list(), "known": faultList()})
	})
	mux.HandleFunc("POST /_sim/faults", s.postFaults)
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		_ = s.faults.set(nil) // no rule, no error
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_sim/advance", s.postAdvance)
	mux.HandleFunc("POST /_sim/webhook", s.postWebhook)
	mux.HandleFunc("POST /_sim/payments/{id}/settle", s.postSettle)
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(mustJSON(v), '\n')) // the client may be gone
}

func sendProblem(w http.ResponseWriter, status int, message string) {
	sendJSON(w, status, map[string]string{"error": message})
}

// readJSON decodes a small request body strictly.
func readJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxRequestBytes))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// postFaults replaces the rules: {"faults": [{"fault": "lost_answer", "operation": "payment_intents.create", "nth": 1}]}.
func (s *Sandbox) postFaults(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Faults []Fault `json:"faults"`
	}
	err := readJSON(r, &body)
	if err == nil {
		err = s.SetFaults(body.Faults...)
	}
	if err != nil {
		sendProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	sendJSON(w, http.StatusOK, map[string]any{"faults": s.faults.list()})
}

// postAdvance moves the clock: ?d=72h.
func (s *Sandbox) postAdvance(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("d"))
	if err != nil || d < 0 {
		sendProblem(w, http.StatusBadRequest, "d must be a duration such as 72h or 90s, and not negative")
		return
	}
	s.Advance(d)
	sendJSON(w, http.StatusOK, map[string]any{"now": s.simTime()})
}

// postWebhook names the receiver: {"url": "http://127.0.0.1:8080/webhooks/stripe", "secret": "whsec_…"}.
func (s *Sandbox) postWebhook(w http.ResponseWriter, r *http.Request) {
	var body struct {
		URL    string `json:"url"`
		Secret string `json:"secret"`
	}
	if err := readJSON(r, &body); err != nil {
		sendProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	s.SetWebhook(body.URL, body.Secret)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sandbox) redeliver(w http.ResponseWriter, r *http.Request) {
	if !s.courier.redeliver(r.PathValue("id")) {
		sendProblem(w, http.StatusNotFound, "no such delivery, or no webhook URL is set")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// postSettle decides a payment that is processing: ?result=succeeded or failed.
func (s *Sandbox) postSettle(w http.ResponseWriter, r *http.Request) {
	result := r.URL.Query().Get("result")
	if result != "succeeded" && result != "failed" {
		sendProblem(w, http.StatusBadRequest, "result must be succeeded or failed")
		return
	}
	settled := false
	s.courier.publish(s.update(requestInfo{}, func(tx *tx) {
		if pi, ok := tx.stripe.intents.find(r.PathValue("id")); ok && pi.Core.state() == stateProcessing {
			tx.settleProcessing(pi.Core.last(), result == "succeeded")
			settled = true
		}
	}))
	if !settled {
		sendProblem(w, http.StatusConflict, "no payment with this id is processing")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
