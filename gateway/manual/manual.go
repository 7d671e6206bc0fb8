// Package manual is the gateway of money that arrives outside any API: a bank
// transfer to the shop's own account. It calls nobody. An attempt stays open
// until an operator marks it received, or until it is closed; a refund stays
// pending until an operator has made the transfer back and says so.
//
// It must not know orders, stock, stores or HTTP handlers, and it keeps no
// state: what an operator says is recorded by the engine.
package manual

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

// Config is one way to pay outside any API.
type Config struct {
	// Name is what reports and errors call it, such as "bank".
	Name string
	// Currencies that the shop's account takes; empty: every currency.
	Currencies []money.Currency
}

type account struct{ config Config }

// New opens an account. It returns an error that names the field of the Config
// which makes no sense.
func New(config Config) (gateway.Gateway, error) {
	if config.Name == "" {
		return nil, errors.New("gateway manual: name is empty; name the account, such as bank")
	}
	for _, currency := range config.Currencies {
		if _, err := money.ParseCurrency(string(currency)); err != nil {
			return nil, errors.Join(errors.New("gateway manual: currencies"), err)
		}
	}
	return &account{config: config}, nil
}

// Capabilities says that an operator does the rest.
func (a *account) Capabilities() gateway.Capabilities {
	return gateway.Capabilities{
		Methods:       []checkout.Method{checkout.MethodManual},
		Currencies:    slices.Clone(a.config.Currencies),
		Close:         true,
		PartialRefund: true,
		MarkReceived:  true,
		FindByRef:     true,
	}
}

// Create waits for a transfer, which names the payment by its GatewayRef.
func (a *account) Create(_ context.Context, req gateway.CreateRequest) (checkout.PaymentReport, error) {
	switch {
	case req.ManualCapture:
		return checkout.PaymentReport{}, a.fail(gateway.Unsupported, "a transfer cannot be authorised first")
	case req.Token != "":
		return checkout.PaymentReport{}, a.fail(gateway.Refused, "a transfer has no token")
	case req.Amount.Minor <= 0:
		return checkout.PaymentReport{}, a.fail(gateway.Refused, "the amount is not above zero")
	case !a.Capabilities().Offers(req.Method, req.Amount.Currency):
		return checkout.PaymentReport{}, a.fail(gateway.Refused, "the account does not take this method in this currency")
	}
	report := a.report(req.PaymentID, checkout.PaymentPending)
	report.Amount = req.Amount
	return report, nil
}

// LookUp knows no more than that the attempt is open.
func (a *account) LookUp(_ context.Context, req gateway.LookUpRequest) (checkout.PaymentReport, error) {
	return a.report(req.PaymentID, checkout.PaymentPending), nil
}

// Close gives the attempt up. A transfer that still arrives is for an operator to
// see: nothing tells Kassa of it.
func (a *account) Close(_ context.Context, req gateway.ActRequest) (checkout.PaymentReport, error) {
	report := a.report(req.PaymentID, checkout.PaymentFailed)
	report.Amount = req.Amount
	report.Failure = &checkout.Failure{Code: "not_received", Message: "The transfer was not received in time."}
	return report, nil
}

// Capture is unsupported: a transfer is received or not.
func (a *account) Capture(context.Context, gateway.ActRequest) (checkout.PaymentReport, error) {
	return checkout.PaymentReport{}, a.fail(gateway.Unsupported, "a transfer is received or not")
}

// Void is unsupported: a transfer is received or not.
func (a *account) Void(context.Context, gateway.ActRequest) (checkout.PaymentReport, error) {
	return checkout.PaymentReport{}, a.fail(gateway.Unsupported, "a transfer is received or not")
}

// Refund asks an operator for a transfer back.
func (a *account) Refund(_ context.Context, req gateway.RefundRequest) (checkout.RefundReport, error) {
	if req.Amount.Minor <= 0 {
		return checkout.RefundReport{}, a.fail(gateway.Refused, "the amount is not above zero")
	}
	return a.refund(req), nil
}

// LookUpRefund knows no more than that the refund was asked for.
func (a *account) LookUpRefund(_ context.Context, req gateway.RefundRequest) (checkout.RefundReport, error) {
	return a.refund(req), nil
}

// ParseWebhook takes none: nobody could have signed it.
func (a *account) ParseWebhook(http.Header, []byte, time.Time) (checkout.WebhookEvent, error) {
	return checkout.WebhookEvent{}, a.fail(gateway.Forged, "this gateway sends no webhooks")
}

func (a *account) report(payment checkout.ID, status checkout.PaymentStatus) checkout.PaymentReport {
	return checkout.PaymentReport{PaymentID: payment, Gateway: a.config.Name, GatewayRef: payment.String(), Status: status}
}

func (a *account) refund(req gateway.RefundRequest) checkout.RefundReport {
	return checkout.RefundReport{
		RefundID: req.RefundID, Gateway: a.config.Name, GatewayRef: req.RefundID.String(),
		PaymentID: req.PaymentID, PaymentRef: req.PaymentID.String(), Status: checkout.RefundPending, Amount: req.Amount,
	}
}

func (a *account) fail(kind gateway.Kind, message string) error {
	return &gateway.Error{Gateway: a.config.Name, Kind: kind, Message: message}
}
