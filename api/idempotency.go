package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"kassa/checkout"
	"kassa/engine"
	"kassa/saga"
)

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotent-Replayed"
	maxKeyLen      = 255
)

// keyUse says what a route does with an Idempotency-Key.
type keyUse int

const (
	keyNone     keyUse = iota // not a POST
	keyOptional               // a repeat of the same key gets the first answer
	keyRequired               // what would happen twice without one
	keyNatural                // read, and ruled by the body's own key or the order named
)

// idempotencyKey reads the header. "" where there is none.
func idempotencyKey(h http.Header, use keyUse) (string, error) {
	values := h.Values(keyHeader)
	switch {
	case use == keyNone:
		return "", nil
	case len(values) == 0 && use == keyRequired:
		return "", unreadable(http.StatusBadRequest, "this call needs an Idempotency-Key header: without one, a repeat would act twice")
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || !validKey(values[0]):
		return "", unreadable(http.StatusBadRequest, "send one Idempotency-Key of 1 to 255 printable ASCII characters")
	}
	return values[0], nil
}

func validKey(key string) bool {
	if key == "" || len(key) > maxKeyLen {
		return false
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

// requestHash tells two requests of one key apart: the method, the path and the
// body, whose spaces and order of fields do not count. Half of the hash is kept,
// because every order and payment has one: to find another request with the same
// takes 2¹²⁸ tries, and only deceives who made both.
func requestHash(method, path string, body *document) string {
	text := make([]byte, 0, 1024)
	text = append(text, method...)
	text = append(text, ' ')
	text = append(text, path...)
	text = append(text, '\n')
	sum := sha256.Sum256(body.appendCanonical(text))
	return hex.EncodeToString(sum[:16])
}

// encode writes a body behind what is there. Every answer, first or repeated, is
// written by it.
func encode(body any, into []byte) ([]byte, error) {
	buf := bytes.NewBuffer(into)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(body)
	return buf.Bytes(), err
}

// submit decides a command and waits a bounded time for its commit.
func (s *server) submit(ctx context.Context, sub engine.Submission) (engine.Reply, error) {
	waiting, cancel := context.WithTimeout(ctx, s.wait.commit)
	defer cancel()
	reply, err := s.Engine.Submit(waiting, sub)
	if errors.Is(err, context.DeadlineExceeded) && sub.Key != nil {
		return reply, checkout.Refuse(checkout.CodeKeyInFlight, "the request has not been committed yet; repeat it with the same key")
	}
	return reply, err
}

// do decides a command whose answer is not kept.
func (s *server) do(ctx context.Context, c saga.Command) (saga.Result, error) {
	reply, err := s.submit(ctx, engine.Submission{Command: c})
	return reply.Result, err
}

// decide submits a command. With an Idempotency-Key its answer is kept in the
// same commit, and a repeat gets that one; named is the cart, session, order or
// other thing that the key's scope names. render must be pure.
func decide[B any](ctx context.Context, s *server, named string, c saga.Command, render func(saga.Result) (int, B)) (answer[B], saga.Result, error) {
	reply, err := s.keyed(ctx, named, c, func(r saga.Result) (checkout.Answer, error) {
		status, body := render(r)
		raw, err := encode(body, nil)
		return checkout.Answer{Status: status, Body: raw}, err
	})
	if err != nil {
		return answer[B]{}, saga.Result{}, err
	}
	if kept := reply.Answer; kept != nil {
		return answer[B]{status: kept.Status, rendered: kept.Body, replayed: reply.Replayed}, reply.Result, nil
	}
	status, body := render(reply.Result)
	return answer[B]{status: status, body: body}, reply.Result, nil
}

// keyed submits a command with the call's Idempotency-Key, where it has one.
func (s *server) keyed(ctx context.Context, named string, c saga.Command, render func(saga.Result) (checkout.Answer, error)) (engine.Reply, error) {
	sub := engine.Submission{Command: c}
	if call := callOf(ctx); call.idempotencyKey != "" {
		sub.Key = &engine.Key{
			KeyID:       checkout.KeyID{Scope: call.keyScope(named), Key: call.idempotencyKey},
			RequestHash: requestHash(call.method, call.path, call.body),
		}
		sub.Render = render
	}
	return s.submit(ctx, sub)
}
