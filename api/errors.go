package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"kassa/checkout"
	"kassa/store"
)

// refusal is one line of the table from code to HTTP status.
type refusal struct {
	code   checkout.Code
	status int
	title  string
	about  string // for the documentation: what the caller does about it
}

// refusals is the one table from code to HTTP status. CodeInvalid is 400, 405,
// 413 or 415 where the request could not be read at all.
var refusals = []refusal{
	{checkout.CodeInvalid, http.StatusUnprocessableEntity, "The request is not valid", "Correct the fields that errors names. 400 where the request cannot be read: malformed JSON, a bad or missing Idempotency-Key. 405 where the path does not have the method, 413 where the body is larger than 1 MiB, 415 where it is not application/json."},
	{checkout.CodeUnauthorized, http.StatusUnauthorized, "No valid API key", "Send Authorization: Bearer with a key that exists and was not revoked."},
	{checkout.CodeForbidden, http.StatusForbidden, "The API key may not do this", "This call needs a server key (sk_…)."},
	{checkout.CodeNotFound, http.StatusNotFound, "Not found", "It does not exist, or the order's token is missing or another order's."},
	{checkout.CodeOutOfStock, http.StatusConflict, "Out of stock", "items says what was asked for and what there is. Nothing was held."},
	{checkout.CodeOrderState, http.StatusConflict, "The order's state does not allow this", "Read the order and go on from its status."},
	{checkout.CodeOrderExpired, http.StatusConflict, "The order has expired", "Start a new checkout."},
	{checkout.CodePaymentFailed, http.StatusConflict, "The payment failed", "Initiate another payment; the order stays payable until its hold ends."},
	{checkout.CodePaymentInProgress, http.StatusConflict, "A payment is in progress", "Confirm the order to learn how the open payment ends."},
	{checkout.CodeMethodUnavailable, http.StatusUnprocessableEntity, "The payment method is not available", "Choose another payment_method, gateway or currency."},
	{checkout.CodeCouponInvalid, http.StatusUnprocessableEntity, "The coupon is not valid", "Leave the coupon out."},
	{checkout.CodeCouponExhausted, http.StatusConflict, "The coupon is used up", "Leave the coupon out."},
	{checkout.CodeAmountMismatch, http.StatusUnprocessableEntity, "The amount does not match", "Send exactly the order's amount, or refund no more than is left."},
	{checkout.CodeKeyReused, http.StatusUnprocessableEntity, "The idempotency key was used with another request", "Use a new key for a new request."},
	{checkout.CodeKeyInFlight, http.StatusConflict, "The first request of this idempotency key is still running", "Repeat the request with the same key."},
	{checkout.CodeCardDataRefused, http.StatusUnprocessableEntity, "Card data is refused", "Send the gateway's token instead; card numbers must not reach this server."},
	{checkout.CodeGatewayUnavailable, http.StatusBadGateway, "The payment gateway cannot be reached", "Nothing was charged. Repeat the request with the same key, or use another gateway."},
	{checkout.CodeRateLimited, http.StatusTooManyRequests, "Too many requests", "Try again after the time in Retry-After, or as detail says."},
	{checkout.CodeOverloaded, http.StatusServiceUnavailable, "Overloaded", "Try again after the time in Retry-After. detail says where it may have been done all the same: a repeat with the same Idempotency-Key is safe."},
	{checkout.CodeInternal, http.StatusInternalServerError, "Internal error", "Report the X-Request-Id. A repeat with the same key is safe."},
}

func refusalOf(code checkout.Code) refusal {
	for _, r := range refusals {
		if r.code == code {
			return r
		}
	}
	return refusalOf(checkout.CodeInternal)
}

// Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Type   string                `json:"type" doc:"Where the code is explained." example:"/docs#out_of_stock"`
	Title  string                `json:"title" doc:"The code in words." example:"Out of stock"`
	Status int                   `json:"status" doc:"The HTTP status." example:"409"`
	Detail string                `json:"detail" doc:"What was wrong and what to do about it." example:"there is not enough stock; nothing was held"`
	Code   string                `json:"code" doc:"What went wrong, for programs." example:"out_of_stock"`
	Errors []checkout.FieldError `json:"errors,omitempty" doc:"The fields at fault."`
	Items  []checkout.Shortage   `json:"items,omitempty" doc:"Where stock is short (out_of_stock)."`
}

// Error writes the code and the detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus tells huma the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells huma the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// retryAfter is the pause in seconds that an overloaded server asks for.
const retryAfter = "1"

// GetHeaders tells huma the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header {
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return http.Header{"Retry-After": {retryAfter}}
	case http.StatusUnauthorized:
		return http.Header{"Www-Authenticate": {"Bearer"}}
	}
	return nil
}

// problemOf writes an error of this package's callees as a problem. What has no
// code is an internal error: its text is for the log alone.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var e *checkout.Error
	if !errors.As(err, &e) {
		e = codeless(err)
	}
	return fromRefusal(e)
}

func codeless(err error) *checkout.Error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return checkout.Refuse(checkout.CodeNotFound, "there is no such thing")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return checkout.Refuse(checkout.CodeOverloaded, "the database has not answered in time, and may still do what was asked; repeat it with the same Idempotency-Key, or look first")
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrRetry):
		return checkout.Refuse(checkout.CodeOverloaded, "the database cannot be reached or is busy; nothing was done; try again")
	}
	return checkout.Refuse(checkout.CodeInternal, "something went wrong on our side")
}

// maxFieldErrors bounds how many fields an answer names.
const maxFieldErrors = 20

func fromRefusal(e *checkout.Error) *Problem {
	r := refusalOf(e.Code)
	return &Problem{
		Type: "/docs#" + string(r.code), Title: r.title, Status: r.status, Detail: e.Detail, Code: string(r.code),
		Errors: e.Fields[:min(len(e.Fields), maxFieldErrors)], Items: e.Items,
	}
}

// unreadable is the problem of a request that cannot be read.
func unreadable(status int, detail string) *Problem {
	p := fromRefusal(checkout.Refuse(checkout.CodeInvalid, "%s", detail))
	p.Status = status
	return p
}

// invalid is the problem of several fields at fault.
func invalid(fields []checkout.FieldError) *Problem {
	detail := fields[0].Field + ": " + fields[0].Reason
	if len(fields) > 1 {
		detail = strconv.Itoa(len(fields)) + " fields are at fault; see errors"
	}
	return fromRefusal(&checkout.Error{Code: checkout.CodeInvalid, Detail: detail, Fields: fields})
}

// problemTypes is shared by all answers: nobody may write to it.
var problemTypes = []string{problemType}

// writeProblem answers with a problem where huma does not do it.
func writeProblem(w http.ResponseWriter, p *Problem) {
	header := w.Header()
	for name, values := range p.GetHeaders() {
		header[name] = values
	}
	header["Content-Type"] = problemTypes
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may have left
}

// refuse makes of an error what huma writes, and tells the access log.
func (s *server) refuse(ctx context.Context, err error) *Problem {
	p := problemOf(err)
	c := callOf(ctx)
	c.code = p.Code
	if p.Status == http.StatusInternalServerError {
		s.Log.ErrorContext(ctx, "a request failed", "request_id", c.id, "order_id", c.order, "error", err)
	}
	return p
}
