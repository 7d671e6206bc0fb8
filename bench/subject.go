package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"kassa/app"
	"kassa/audit"
	"kassa/checkout"
)

// subject is what is measured, ready for its rounds.
type subject struct {
	name   string // kassa, textbook or ungated
	ground *ground

	processes int  // 0: one
	gated     bool // behind an admission gate

	meter   meter
	workers int
	work    func(worker int) op
	// audit says auditClean, or what is wrong with what the rounds left.
	audit   func(context.Context) (string, error)
	pprof   string  // address of the server's profiles; "": it is this process
	expire  expirer // holds that end beside the work; nil: none
	closing []func() error
}

// close ends what was opened, the last first.
func (u *subject) close() error {
	var errs []error
	for i := len(u.closing) - 1; i >= 0; i-- {
		errs = append(errs, u.closing[i]())
	}
	u.closing = nil
	return errors.Join(errs...)
}

func (u *subject) onClose(end func() error) { u.closing = append(u.closing, end) }

// newSubject makes a subject with a ground of its own.
func (o *Options) newSubject(ctx context.Context, name string) (*subject, error) {
	o.progress("%s: making its database", name)
	g, err := newGround(ctx, o.Store, func(text string) { o.say("%s", text) })
	if err != nil {
		return nil, err
	}
	u := &subject{name: name, ground: g, workers: o.Concurrency}
	u.meter = meter{admin: g.admin, schema: g.schema, local: g.server != "" && isLocal(g.server)}
	u.onClose(func() error { return g.remove(context.Background()) })
	return u, nil
}

// say writes a line for people.
func (o *Options) say(format string, args ...any) {
	if o.Live {
		format = clearLine + format
	}
	_, _ = fmt.Fprintf(o.Progress, format+"\n", args...)
}

// openKassa opens Kassa on a ground of its own: its engines in this process, or
// servers.
func (o *Options) openKassa(ctx context.Context, s Scenario, gateURL string) (*subject, error) {
	u, err := o.newSubject(ctx, "kassa")
	if err != nil {
		return nil, err
	}
	u.processes, u.gated = o.Processes, gateURL != ""
	if !u.gated && o.Compare == Ungated {
		u.name = Ungated
	}
	if o.InProcess {
		return u, o.openEngines(ctx, s, u, gateURL)
	}
	key, err := o.prepare(ctx, s, u.ground)
	if err != nil {
		return u, err
	}
	return u, o.openServers(ctx, s, u, key, gateURL)
}

// openEngines opens as many engines as there are to be processes, each with its own
// connections.
func (o *Options) openEngines(ctx context.Context, s Scenario, u *subject, gateURL string) error {
	var works []func(worker int) op
	for n := range o.Processes {
		db, err := o.openStore(ctx, u.ground, app.Serve)
		if err != nil {
			return err
		}
		u.onClose(db.Close)
		if n == 0 {
			if err := stocked(ctx, db, s.goods); err != nil {
				return err
			}
			u.audit = func(ctx context.Context) (string, error) { return auditOf(ctx, db) }
		}
		gate, err := app.OpenGate(ctx, app.Config{Store: app.Store{URL: u.ground.url}, Gate: app.Gate{URL: gateURL}}, o.Adapters, db)
		if err != nil {
			return err
		}
		if gate != nil {
			u.onClose(func() error { gate.Close(); return nil })
		}
		l := newLocal(db, gate, s.goods)
		u.onClose(func() error { return l.close(context.Background()) })
		works = append(works, s.local(l))
		u.expire = l
	}
	u.share(works)
	return nil
}

// share gives the workers to the processes by turns.
func (u *subject) share(works []func(worker int) op) {
	u.work = func(worker int) op { return works[worker%len(works)](worker) }
}

// prepare fills the database before its server starts, and makes a storefront's
// key.
func (o *Options) prepare(ctx context.Context, s Scenario, g *ground) (key string, err error) {
	db, err := o.openStore(ctx, g, app.Serve)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := stocked(ctx, db, s.goods); err != nil {
		return "", err
	}
	_, key, err = app.NewKey(ctx, db, checkout.ScopeStorefront)
	return key, err
}

func (o *Options) openServers(ctx context.Context, s Scenario, u *subject, key, gateURL string) error {
	player, err := startGateway(ctx, "127.0.0.1:0", webhookSecret)
	if err != nil {
		return err
	}
	u.onClose(player.close)
	var fronts []*front
	for range o.Processes {
		f, err := o.openServer(ctx, s, u, player, key, gateURL)
		if err != nil {
			return err
		}
		fronts = append(fronts, f)
	}
	u.drive(s, fronts...)
	u.expire = fronts[0]
	u.audit = func(ctx context.Context) (_ string, err error) {
		db, err := o.openStore(ctx, u.ground, app.ReadOnly)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		found, err := auditOf(ctx, db)
		return alsoSold(fronts, s, found), err
	}
	return nil
}

// openServer starts one server. The first has its profiles open, where they are wanted.
func (o *Options) openServer(ctx context.Context, s Scenario, u *subject, player *gateway, key, gateURL string) (*front, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{"serve"}
	if o.Profile != "" && u.pprof == "" {
		if u.pprof, err = freeAddress(ctx); err != nil {
			return nil, err
		}
		args = append(args, "--pprof", u.pprof)
	}
	return o.startFront(ctx, s, u, player, key, args, serveEnv(u.ground, address, player.URL, gateURL), address)
}

// drive has the workers be buyers, by turns at each server.
func (u *subject) drive(s Scenario, fronts ...*front) {
	var works []func(worker int) op
	for _, f := range fronts {
		works = append(works, func(worker int) op { return s.http(f.buyer(worker)) })
	}
	u.share(works)
}

// startFront starts a server.
func (o *Options) startFront(ctx context.Context, s Scenario, u *subject, gate *gateway, key string, args []string, env map[string]string, address string) (*front, error) {
	server, err := start(ctx, o.Binary, args, env, address)
	if err != nil {
		return nil, err
	}
	u.onClose(server.stop)
	u.meter.servers = append(u.meter.servers, server.pid())
	return o.newFront(server.url, key, s, u, gate)
}

func (o *Options) newFront(address, key string, s Scenario, u *subject, gate *gateway) (*front, error) {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "http" || at.Host == "" {
		return nil, fmt.Errorf("the server's address %q must be http://HOST:PORT", address)
	}
	f := newFront(at.Host, "Bearer "+key, gate, s.goods)
	u.onClose(func() error { f.client.CloseIdleConnections(); return nil })
	return f, nil
}

// auditOf checks every law and says what is broken.
func auditOf(ctx context.Context, source audit.Source) (string, error) {
	report, err := audit.Run(ctx, source, audit.Options{})
	if err != nil {
		return "", err
	}
	var broken []string
	for _, f := range report.Findings {
		if f.Broken > 0 {
			broken = append(broken, fmt.Sprintf("%s: %d of %d broken (%s)", f.Law, f.Broken, f.Checked, strings.Join(f.Notes[:min(len(f.Notes), 2)], "; ")))
		}
	}
	return orClean(broken), nil
}

func orClean(findings []string) string {
	if len(findings) == 0 {
		return auditClean
	}
	return strings.Join(findings, "; ")
}
