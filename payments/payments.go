// Package payments does the tasks that call gateways: it creates, looks up,
// closes, captures, voids and refunds, and brings what the gateway said back as a
// command. It must not know any particular gateway, and it decides nothing: what
// follows from a report is in package saga.
package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"kassa/checkout"
	"kassa/engine"
	"kassa/gateway"
	"kassa/money"
	"kassa/saga"
	"kassa/store"
	"kassa/tasks"
)

// Account is one configured gateway account.
type Account struct {
	Name          string
	Gateway       gateway.Gateway
	ManualCapture bool          // authorise at the payment, capture at shipment
	HoldTTL       time.Duration // for money that takes days; 0: none
}

// Config configures Payments.
type Config struct {
	Engine   *engine.Engine
	Reader   store.Reader
	Accounts []Account // in the order of preference
	// PayPage is where an order's buyer comes back to from an attempt that names no
	// address of its own; "" where there is no such page. It must be pure.
	PayPage func(order checkout.ID) string
	// OnCall is told of every call to a gateway.
	OnCall func(account, call string, took time.Duration, err error)
	Log    *slog.Logger
}

// Payments runs gateway tasks.
type Payments struct {
	cfg      Config
	accounts map[string]gateway.Gateway
}

// New makes the task handlers' owner.
func New(cfg Config) *Payments {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PayPage == nil {
		cfg.PayPage = func(checkout.ID) string { return "" }
	}
	if cfg.OnCall == nil {
		cfg.OnCall = func(string, string, time.Duration, error) {}
	}
	p := &Payments{cfg: cfg, accounts: map[string]gateway.Gateway{}}
	for _, a := range cfg.Accounts {
		p.accounts[a.Name] = a.Gateway
	}
	return p
}

// Routes is what the accounts offer, for saga.InitiatePayment.
func Routes(accounts []Account) []saga.Route {
	routes := make([]saga.Route, len(accounts))
	for i, a := range accounts {
		c := a.Gateway.Capabilities()
		routes[i] = saga.Route{
			Gateway: a.Name, Methods: c.Methods, Currencies: c.Currencies, Tokens: c.Tokens, Closable: c.Close, FindByRef: c.FindByRef,
			ManualCapture: a.ManualCapture && c.ManualCapture, MarkReceived: c.MarkReceived, HoldTTL: a.HoldTTL,
		}
	}
	return routes
}

// Handlers are the tasks that this package does.
func (p *Payments) Handlers() map[checkout.TaskKind]tasks.Handler {
	return map[checkout.TaskKind]tasks.Handler{
		checkout.TaskInitiate:     p.onPayment(p.initiate),
		checkout.TaskLookUp:       p.onPayment(p.lookUp),
		checkout.TaskClose:        p.onPayment(p.close),
		checkout.TaskCapture:      p.onPayment(p.capture),
		checkout.TaskVoid:         p.onPayment(p.void),
		checkout.TaskRefund:       p.onRefund(p.refund),
		checkout.TaskLookUpRefund: p.onRefund(p.lookUpRefund),
		checkout.TaskWebhook:      p.retryWebhook,
	}
}

// attempt is what a payment's task works on.
type attempt struct {
	task    checkout.Task
	order   *checkout.Order
	payment *checkout.Payment
	gateway gateway.Gateway
	payPage func(order checkout.ID) string
}

// errNothing says that a task finds nothing to do any more.
var errNothing = errors.New("nothing to do")

type paymentCall func(ctx context.Context, a attempt) (checkout.PaymentReport, error)

// onPayment reads the payment, makes the call, and submits its report or failure.
func (p *Payments) onPayment(call paymentCall) tasks.Handler {
	return func(ctx context.Context, t checkout.Task) error {
		order, err := p.cfg.Engine.OrderOf(ctx, t)
		if err != nil {
			return fmt.Errorf("payments: read order: %w", err)
		}
		payment := order.Payment(t.ID)
		if payment == nil {
			return fmt.Errorf("payments: order %s has no payment %s", t.OrderID, t.ID)
		}
		g, ok := p.accounts[payment.Gateway]
		if !ok {
			return p.failed(ctx, t, unconfigured(payment.Gateway))
		}
		report, err := p.timed(ctx, payment.Gateway, t, func(ctx context.Context) (checkout.PaymentReport, error) {
			return call(ctx, attempt{task: t, order: order, payment: payment, gateway: g, payPage: p.cfg.PayPage})
		})
		switch {
		case errors.Is(err, errNothing):
			return p.submit(ctx, saga.FinishTask{Run: saga.TaskRun{Task: t}})
		case err != nil:
			return p.failed(ctx, t, err)
		}
		report.Gateway = payment.Gateway
		return p.submit(ctx, saga.ApplyPayment{
			OrderID: order.ID, PaymentID: payment.ID, Report: report, Run: &saga.TaskRun{Task: t},
		})
	}
}

// timed makes a call within the time that leaves room for its result.
func (p *Payments) timed(ctx context.Context, account string, t checkout.Task, call func(context.Context) (checkout.PaymentReport, error)) (checkout.PaymentReport, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	start := time.Now()
	report, err := call(ctx)
	if !errors.Is(err, errNothing) {
		p.observe(account, t, start, err)
	}
	return report, err
}

// callTimeout ends a call well before its task's lease: a second runner must not
// find it still running.
const callTimeout = 25 * time.Second

func (p *Payments) observe(account string, t checkout.Task, start time.Time, err error) {
	p.cfg.OnCall(account, string(t.Kind), time.Since(start), err)
	level, text := slog.LevelDebug, "a gateway call answered"
	if err != nil {
		level, text = slog.LevelWarn, "a gateway call failed"
	}
	if !p.cfg.Log.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("gateway", account), slog.String("task", string(t.Kind)), slog.String("order_id", t.OrderID.String()),
		slog.String("subject_id", t.ID.String()), slog.Int("attempt", t.Attempts+1), slog.Int64("took_ms", time.Since(start).Milliseconds()),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	p.cfg.Log.LogAttrs(context.Background(), level, text, attrs...)
}

// submit brings a result home. A gateway's answer must not be lost because the
// queue is full for a moment, so it is tried again while the context lasts.
func (p *Payments) submit(ctx context.Context, c saga.Command) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		_, err := p.cfg.Engine.Do(ctx, c)
		if checkout.CodeOf(err) != checkout.CodeOverloaded {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// failed brings home that a call brought no report.
func (p *Payments) failed(ctx context.Context, t checkout.Task, err error) error {
	kind := saga.FailKind(gateway.KindOf(err))
	if kind == saga.FailKind(gateway.Forged) {
		kind = saga.FailUnknown
	}
	code, message := "", "the call was not answered"
	var g *gateway.Error
	if errors.As(err, &g) {
		code, message = g.Code, g.Message
	}
	return p.submit(ctx, saga.FailTask{Run: saga.TaskRun{Task: t}, Kind: kind, Code: code, Message: message})
}

func unconfigured(account string) error {
	return &gateway.Error{
		Gateway: account, Kind: gateway.Unavailable, Code: "not_configured",
		Message: fmt.Sprintf("no gateway account %q is configured; configure it again to finish this payment", account),
	}
}

func (a attempt) lookUpRequest() gateway.LookUpRequest {
	return gateway.LookUpRequest{
		PaymentID: a.payment.ID, OrderID: a.order.ID,
		GatewayRef: a.payment.GatewayRef, ChargeID: a.payment.ChargeID, CreatedAt: a.payment.CreatedAt,
	}
}

func (a attempt) actRequest(act string) gateway.ActRequest {
	return gateway.ActRequest{
		LookUpRequest: a.lookUpRequest(),
		Key:           gateway.ActKey(a.payment.ID, act, a.task.Attempts+1),
		Amount:        a.payment.Amount,
	}
}

// wanted tells whether the order would still take this attempt's money.
func (a attempt) wanted() bool {
	return a.order.Payable() && !a.payment.Closing && !a.payment.Superseded
}

// initiate creates the attempt. One that its gateway knows already is only looked
// up, and so is one whose order takes no more money: it must not begin now.
func (p *Payments) initiate(ctx context.Context, a attempt) (checkout.PaymentReport, error) {
	fresh := a.payment.Status == checkout.PaymentInitiated || a.payment.Unknown
	known := a.payment.GatewayRef != ""
	if !a.payment.Open() || !known && !fresh {
		return checkout.PaymentReport{}, errNothing
	}
	if known || !a.wanted() {
		return a.gateway.LookUp(ctx, a.lookUpRequest())
	}
	return a.create(ctx)
}

// create makes the call; repeated with the same key it charges once.
func (a attempt) create(ctx context.Context) (checkout.PaymentReport, error) {
	back := a.payment.ReturnURL
	if back == "" {
		back = a.payPage(a.order.ID)
	}
	return a.gateway.Create(ctx, gateway.CreateRequest{
		PaymentID:     a.payment.ID,
		OrderID:       a.order.ID,
		OrderNumber:   a.order.ID.Number(),
		Key:           gateway.CreateKey(a.payment.ID, a.payment.CallNo),
		Amount:        a.payment.Amount,
		Method:        a.payment.Method,
		Token:         a.payment.Token,
		ManualCapture: a.payment.ManualCapture,
		ReturnURL:     back,
		CustomerEmail: a.order.Details.Customer.Email,
		Lines:         lines(a.order),
		ExpiresAt:     a.order.HoldExpiresAt,
	})
}

func lines(o *checkout.Order) []gateway.Line {
	out := make([]gateway.Line, len(o.Details.Quote.Lines))
	for i, l := range o.Details.Quote.Lines {
		out[i] = gateway.Line{Name: l.Name, Qty: l.Qty, Total: money.New(l.Total, o.Total.Currency)}
	}
	return out
}

// lookUp asks for the truth. Where every answer was lost and the order still
// wants the money, the create is repeated by its own key first: that is the one
// sure way to learn what became of it, however many payments the account has.
// Only where that is not answered either is the attempt searched for.
func (p *Payments) lookUp(ctx context.Context, a attempt) (checkout.PaymentReport, error) {
	if !a.payment.Open() {
		return checkout.PaymentReport{}, errNothing
	}
	lost := a.payment.GatewayRef == "" && a.payment.ChargeID == ""
	if lost && a.wanted() {
		report, err := a.create(ctx)
		if gateway.KindOf(err) != gateway.Unknown {
			return report, err
		}
	}
	return a.gateway.LookUp(ctx, a.lookUpRequest())
}

func (p *Payments) close(ctx context.Context, a attempt) (checkout.PaymentReport, error) {
	if !a.payment.Open() {
		return checkout.PaymentReport{}, errNothing
	}
	return a.gateway.Close(ctx, a.actRequest("close"))
}

func (p *Payments) capture(ctx context.Context, a attempt) (checkout.PaymentReport, error) {
	if a.payment.Status != checkout.PaymentAuthorized {
		return checkout.PaymentReport{}, errNothing
	}
	return a.gateway.Capture(ctx, a.actRequest("capture"))
}

func (p *Payments) void(ctx context.Context, a attempt) (checkout.PaymentReport, error) {
	if a.payment.Status != checkout.PaymentAuthorized {
		return checkout.PaymentReport{}, errNothing
	}
	return a.gateway.Void(ctx, a.actRequest("void"))
}
