package checkout

import (
	"errors"
	"fmt"
)

// Code classes an error. The API has the one table from code to HTTP status.
type Code string

// The codes that clients rely on.
const (
	CodeInvalid            Code = "invalid_request"
	CodeUnauthorized       Code = "unauthorized"
	CodeForbidden          Code = "forbidden"
	CodeNotFound           Code = "not_found"
	CodeOutOfStock         Code = "out_of_stock"
	CodeOrderState         Code = "order_state"
	CodeOrderExpired       Code = "order_expired"
	CodePaymentFailed      Code = "payment_failed"
	CodePaymentInProgress  Code = "payment_in_progress"
	CodeMethodUnavailable  Code = "method_unavailable"
	CodeCouponInvalid      Code = "coupon_invalid"
	CodeCouponExhausted    Code = "coupon_exhausted"
	CodeAmountMismatch     Code = "amount_mismatch"
	CodeKeyReused          Code = "idempotency_key_reused"
	CodeKeyInFlight        Code = "idempotency_in_flight"
	CodeCardDataRefused    Code = "card_data_refused"
	CodeGatewayUnavailable Code = "gateway_unavailable"
	CodeRateLimited        Code = "rate_limited"
	CodeOverloaded         Code = "overloaded"
	CodeInternal           Code = "internal"
)

// Error is a refusal: the request was understood and nothing was changed.
type Error struct {
	Code   Code
	Detail string       // what was wrong and what to do, for people
	Fields []FieldError // where fields are at fault
	Items  []Shortage   // where stock is short
}

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Shortage says how much of a SKU was asked for and how much there is.
type Shortage struct {
	SKU       string `json:"sku"`
	Requested int64  `json:"requested"`
	Available int64  `json:"available"`
}

// Error writes the code and the detail.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Refuse makes an error of a code with a detail.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid makes the error of one field at fault.
func Invalid(field, format string, args ...any) *Error {
	reason := fmt.Sprintf(format, args...)
	return &Error{Code: CodeInvalid, Detail: field + ": " + reason, Fields: []FieldError{{field, reason}}}
}

// OutOfStock makes the error of items of which there are too few.
func OutOfStock(short []Shortage) *Error {
	return &Error{Code: CodeOutOfStock, Detail: "there is not enough stock; nothing was held", Items: short}
}

// CodeOf finds the code of an error; CodeInternal where it has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
