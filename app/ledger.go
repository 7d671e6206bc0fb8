package app

import (
	"context"
	"fmt"
	"time"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/money"
)

// Ledger says what the configured gateways know of a payment: what they captured
// and what of it they gave back.
type Ledger struct{ accounts map[string]gateway.Gateway }

// NewLedger makes the configured gateway accounts, to ask them.
func NewLedger(cfg Config, adapters Adapters) (*Ledger, error) {
	accounts, err := adapters.accounts(cfg)
	if err != nil {
		return nil, err
	}
	l := &Ledger{accounts: map[string]gateway.Gateway{}}
	for _, a := range accounts {
		l.accounts[a.Name] = a.Gateway
	}
	return l, nil
}

// askPause keeps an audit far below any gateway's rate limit.
const askPause = 20 * time.Millisecond

// Ask looks a payment and its refunds up. Money that arrives outside any API has
// no other ledger than ours.
func (l *Ledger) Ask(ctx context.Context, o *checkout.Order, p *checkout.Payment) (captured, refunded money.Money, found bool, err error) {
	g, ok := l.accounts[p.Gateway]
	captured, refunded = money.New(0, p.Captured.Currency), money.New(0, p.Captured.Currency)
	switch {
	case !ok:
		return captured, refunded, false, fmt.Errorf("no gateway account %q is configured", p.Gateway)
	case g.Capabilities().MarkReceived:
		return l.own(o, p)
	case p.GatewayRef == "" && p.ChargeID == "":
		return captured, refunded, false, nil
	}
	time.Sleep(askPause)
	report, err := g.LookUp(ctx, gateway.LookUpRequest{
		PaymentID: p.ID, OrderID: o.ID, GatewayRef: p.GatewayRef, ChargeID: p.ChargeID, CreatedAt: p.CreatedAt,
	})
	if err != nil || report.NotFound {
		return captured, refunded, false, err
	}
	if report.Status == checkout.PaymentSucceeded {
		captured = report.Amount
	}
	refunded, err = l.refunded(ctx, g, o, p)
	return captured, refunded, true, err
}

func (l *Ledger) own(o *checkout.Order, p *checkout.Payment) (captured, refunded money.Money, found bool, err error) {
	refunded = money.New(0, p.Captured.Currency)
	for i := range o.Refunds {
		if r := &o.Refunds[i]; r.PaymentID == p.ID && r.Status == checkout.RefundSucceeded {
			refunded.Minor += r.Amount.Minor
		}
	}
	return p.Captured, refunded, true, nil
}

// refunded sums what the gateway gave back, refund by refund.
func (l *Ledger) refunded(ctx context.Context, g gateway.Gateway, o *checkout.Order, p *checkout.Payment) (money.Money, error) {
	total := money.New(0, p.Captured.Currency)
	for i := range o.Refunds {
		r := &o.Refunds[i]
		if r.PaymentID != p.ID || r.GatewayRef == "" {
			continue
		}
		time.Sleep(askPause)
		report, err := g.LookUpRefund(ctx, gateway.RefundRequest{
			RefundID: r.ID, PaymentID: p.ID, GatewayRef: p.GatewayRef, ChargeID: p.ChargeID, RefundRef: r.GatewayRef,
			Amount: r.Amount, CreatedAt: r.CreatedAt,
		})
		if err != nil {
			return total, err
		}
		if report.Status != checkout.RefundFailed && !report.NotFound {
			total.Minor += report.Amount.Minor
		}
	}
	return total, nil
}
