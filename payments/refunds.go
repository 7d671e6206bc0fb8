package payments

import (
	"context"
	"fmt"
	"time"

	"kassa/checkout"
	"kassa/gateway"
	"kassa/saga"
	"kassa/tasks"
)

type refundCall func(ctx context.Context, g gateway.Gateway, req gateway.RefundRequest) (checkout.RefundReport, error)

// onRefund reads the refund, makes the call, and submits its report or failure.
func (p *Payments) onRefund(call refundCall) tasks.Handler {
	return func(ctx context.Context, t checkout.Task) error {
		order, err := p.cfg.Engine.OrderOf(ctx, t)
		if err != nil {
			return fmt.Errorf("payments: read order: %w", err)
		}
		refund := order.Refund(t.ID)
		if refund == nil {
			return fmt.Errorf("payments: order %s has no refund %s", t.OrderID, t.ID)
		}
		payment := order.Payment(refund.PaymentID)
		g, ok := p.accounts[payment.Gateway]
		if !ok {
			return p.failed(ctx, t, unconfigured(payment.Gateway))
		}
		if refund.Status != checkout.RefundPending {
			return p.submit(ctx, saga.FinishTask{Run: saga.TaskRun{Task: t}})
		}
		report, err := p.callRefund(ctx, t, payment, refund, g, call)
		if err != nil {
			return p.failed(ctx, t, err)
		}
		report.Gateway = payment.Gateway
		return p.submit(ctx, saga.ApplyRefund{
			OrderID: order.ID, PaymentID: payment.ID, RefundID: refund.ID, Report: report, Run: &saga.TaskRun{Task: t},
		})
	}
}

func (p *Payments) callRefund(ctx context.Context, t checkout.Task, payment *checkout.Payment, refund *checkout.Refund, g gateway.Gateway, call refundCall) (checkout.RefundReport, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	start := time.Now()
	report, err := call(ctx, g, gateway.RefundRequest{
		RefundID: refund.ID, PaymentID: payment.ID, GatewayRef: payment.GatewayRef, ChargeID: payment.ChargeID,
		RefundRef: refund.GatewayRef, Key: gateway.RefundKey(refund.ID, refund.CallNo),
		Amount: refund.Amount, Reason: refund.Reason, CreatedAt: refund.CreatedAt,
	})
	p.observe(payment.Gateway, t, start, err)
	return report, err
}

func (p *Payments) refund(ctx context.Context, g gateway.Gateway, req gateway.RefundRequest) (checkout.RefundReport, error) {
	return g.Refund(ctx, req)
}

func (p *Payments) lookUpRefund(ctx context.Context, g gateway.Gateway, req gateway.RefundRequest) (checkout.RefundReport, error) {
	return g.LookUpRefund(ctx, req)
}
