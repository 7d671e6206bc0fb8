package sandbox

import (
	"fmt"
	"strings"
)

// Error types of Stripe's API.
const (
	apiFailure       = "api_error"
	cardFailure      = "card_error"
	idempotencyError = "idempotency_error"
	invalidRequest   = "invalid_request_error"
)

// apiError is the body of a failed call, as Stripe words it.
type apiError struct {
	status int  // HTTP
	early  bool // refused before execution, so the idempotency key stays free

	AdviceCode         string             `json:"advice_code,omitempty"`
	Charge             string             `json:"charge,omitempty"`
	Code               string             `json:"code,omitempty"`
	DeclineCode        string             `json:"decline_code,omitempty"`
	DocURL             string             `json:"doc_url,omitempty"`
	Message            string             `json:"message"`
	NetworkDeclineCode string             `json:"network_decline_code,omitempty"`
	Param              string             `json:"param,omitempty"`
	PaymentIntent      *intentObject      `json:"payment_intent,omitempty"`
	PaymentMethod      *paymentMethodJSON `json:"payment_method,omitempty"`
	RequestLogURL      string             `json:"request_log_url,omitempty"`
	Type               string             `json:"type"`
}

// errorBody is the envelope around an apiError.
type errorBody struct {
	Error *apiError `json:"error"`
}

// docURL is the page that Stripe points to for a code.
func docURL(code string) string {
	if code == "" {
		return ""
	}
	return "https://stripe.com/docs/error-codes/" + strings.ReplaceAll(code, "_", "-")
}

// missing is the 404 for an id that names nothing.
func missing(kind, param, id string) *apiError {
	return &apiError{status: 404, Type: invalidRequest, Code: "resource_missing", Param: param,
		Message: fmt.Sprintf("No such %s: '%s'", kind, id)}
}

// refused is the 400 of a call that the object's state does not allow.
func refused(code, param, format string, args ...any) *apiError {
	return &apiError{status: 400, Type: invalidRequest, Code: code, Param: param, Message: fmt.Sprintf(format, args...)}
}
