// Package redis is the admission gate on Redis or Valkey, alone, behind Sentinel or
// as a cluster: README.md has the keys. It must not know what an admission is for.
package redis

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"kassa/checkout"
	"kassa/hold"
)

// Config says which Redis, and whose keys.
type Config struct {
	// URL is redis://user:password@host:port/db, rediss:// with TLS. More hosts are
	// given by ?addr=host:port; ?master_set=name makes them Sentinels.
	URL string
	// Name is part of every key: no two databases may have the same.
	Name string
	// Timeout bounds each call; 250 ms by default.
	Timeout time.Duration
	Times   hold.Times // the defaults are meant; tests have less time
}

// Gate is an admission gate. All its keys have one hash tag, so that a script may
// touch any of them: in a cluster they are on one node.
type Gate struct {
	option  rueidis.ClientOption
	tag     string
	owner   string // of the lease, as which this gate fills it
	timeout time.Duration
	times   hold.Times

	mu     sync.Mutex
	client rueidis.Client // nil until it could be reached
	closed bool
}

var (
	//go:embed admit.lua
	admitSource string
	//go:embed settle.lua
	settleSource string
	//go:embed lease.lua
	leaseSource string
	//go:embed release.lua
	releaseSource string

	admitScript   = rueidis.NewLuaScript(admitSource)
	settleScript  = rueidis.NewLuaScript(settleSource)
	leaseScript   = rueidis.NewLuaScript(leaseSource)
	releaseScript = rueidis.NewLuaScript(releaseSource)
)

// Open makes a gate, which connects when it is first used: a shop must start without
// it, too.
func Open(cfg Config) (hold.Gate, error) {
	option, err := rueidis.ParseURL(cfg.URL)
	if err != nil {
		return nil, errURL // which may hold a password, so that it is not shown
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 250 * time.Millisecond
	}
	option.DisableCache = true
	option.Dialer.Timeout = cfg.Timeout
	option.ConnWriteTimeout = cfg.Timeout
	option.RingScaleEachConn = 8        // calls on their way: they are batches already
	option.ReadBufferEachConn = 1 << 16 // bytes
	option.WriteBufferEachConn = 1 << 16
	return &Gate{
		option: option, tag: "{kassa:" + cfg.Name + "}:", owner: rand.Text(), timeout: cfg.Timeout, times: cfg.Times.WithDefaults(),
	}, nil
}

// reach connects, unless that was done. Once connected, the client reconnects itself.
func (g *Gate) reach() (rueidis.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client != nil {
		return g.client, nil
	}
	if g.closed {
		return nil, fmt.Errorf("redis: %w: it is closed", hold.ErrUnavailable)
	}
	client, err := rueidis.NewClient(g.option)
	if err != nil {
		return nil, fmt.Errorf("redis: %w: %w", hold.ErrUnavailable, err)
	}
	g.client = client
	return client, nil
}

var errURL = errors.New("redis: the URL is not one of Redis: it should be redis://user:password@host:port/db")

// Close ends the connections.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client != nil {
		g.client.Close()
	}
	g.client, g.closed = nil, true
}

// Ping asks whether Redis answers.
func (g *Gate) Ping(ctx context.Context) error {
	return g.do(ctx, func(c rueidis.Client) rueidis.Completed { return c.B().Ping().Build() })
}

// do sends one command, whose answer says nothing.
func (g *Gate) do(ctx context.Context, command func(rueidis.Client) rueidis.Completed) error {
	client, err := g.reach()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	return away(client.Do(ctx, command(client)).Error())
}

// run runs a script.
func (g *Gate) run(ctx context.Context, script *rueidis.Lua, keys, args []string) (reply rueidis.RedisMessage, err error) {
	client, err := g.reach()
	if err != nil {
		return reply, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	reply, err = script.Exec(ctx, client, keys, args).ToMessage()
	return reply, away(err)
}

// away names what an error means.
func away(err error) error {
	if err == nil {
		return nil
	}
	if reply, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(reply.Error(), "UNBUILT") {
		return fmt.Errorf("redis: %w", hold.ErrUnbuilt)
	}
	return fmt.Errorf("redis: %w: %w", hold.ErrUnavailable, err)
}

// skus numbers SKUs in the order in which they come, from 1, with their two keys.
type skus struct {
	tag    string
	number map[string]string
	keys   []string
}

func (g *Gate) skus(first ...string) *skus {
	return &skus{tag: g.tag, number: map[string]string{}, keys: first}
}

func (s *skus) of(sku string) string {
	number, ok := s.number[sku]
	if !ok {
		number = strconv.Itoa(len(s.number) + 1)
		s.number[sku] = number
		s.keys = append(s.keys, s.tag+"level:"+sku, s.tag+"waiting:"+sku)
	}
	return number
}

// Admit answers admissions in one call of a script.
func (g *Gate) Admit(ctx context.Context, admissions []hold.Admission) ([]hold.Answer, error) {
	skus := g.skus(g.built())
	args := make([]string, 0, 2+4*len(admissions))
	args = append(args, milliseconds(g.times.TTL), milliseconds(g.times.Probe))
	for _, a := range admissions {
		args = append(args, a.ID.String(), strconv.Itoa(len(a.Items)))
		for _, item := range a.Items {
			args = append(args, skus.of(item.SKU), strconv.FormatInt(item.Qty, 10))
		}
	}
	reply, err := g.run(ctx, admitScript, skus.keys, args)
	if err != nil {
		return nil, err
	}
	replies, err := reply.ToArray()
	if err != nil {
		return nil, fmt.Errorf("redis: the answers to admissions: %w", err)
	}
	if len(replies) != len(admissions) {
		return nil, fmt.Errorf("redis: %d answers to %d admissions", len(replies), len(admissions))
	}
	answers := make([]hold.Answer, len(admissions))
	for i := range replies {
		if answers[i], err = answer(replies[i], admissions[i].Items); err != nil {
			return nil, fmt.Errorf("redis: the answer to an admission: %w", err)
		}
	}
	return answers, nil
}

// answer reads what admit.lua says of one admission.
func answer(reply rueidis.RedisMessage, items []checkout.Item) (hold.Answer, error) {
	numbers, err := reply.AsIntSlice()
	if err != nil {
		return hold.Answer{}, err
	}
	if len(numbers) != 1+len(items) || numbers[0] < int64(hold.Admitted) || numbers[0] > int64(hold.SoldOut) {
		return hold.Answer{}, fmt.Errorf("%v for %d items", numbers, len(items))
	}
	a := hold.Answer{Verdict: hold.Verdict(numbers[0])}
	for i, left := range numbers[1:] {
		if left >= 0 {
			a.Short = append(a.Short, checkout.Shortage{SKU: items[i].SKU, Requested: items[i].Qty, Available: left})
		}
	}
	return a, nil
}

// Settle ends admissions and publishes levels in one call of a script.
func (g *Gate) Settle(ctx context.Context, s hold.Settlement) error {
	skus := g.skus()
	var ended []string
	for _, a := range s.Ended {
		for _, item := range a.Items {
			ended = append(ended, skus.of(item.SKU), a.ID.String(), strconv.FormatInt(item.Qty, 10))
		}
	}
	args := append([]string{milliseconds(g.times.Fresh), milliseconds(g.times.Outdated), strconv.Itoa(len(ended) / 3)}, ended...)
	for _, l := range s.Levels {
		args = append(args, skus.of(l.SKU), strconv.FormatInt(l.Available, 10), strconv.FormatInt(l.Position, 10))
	}
	if len(skus.keys) == 0 {
		return nil
	}
	_, err := g.run(ctx, settleScript, skus.keys, args)
	return err
}

// building is for how long one process has the gate to itself while it fills it, from
// each put on. Two who fill it at once do no harm.
const building = 5 * time.Second

// Rebuild fills the gate under a lease.
func (g *Gate) Rebuild(ctx context.Context, list func(put func([]hold.Level) error) error) error {
	if err := g.lease(ctx); err != nil {
		return err
	}
	err := list(func(levels []hold.Level) error {
		if err := g.Settle(ctx, hold.Settlement{Levels: levels}); err != nil {
			return err
		}
		return g.lease(ctx)
	})
	if err == nil {
		err = g.do(ctx, func(c rueidis.Client) rueidis.Completed { return c.B().Set().Key(g.built()).Value("1").Build() })
	}
	_, released := g.run(context.WithoutCancel(ctx), releaseScript, []string{g.building()}, []string{g.owner})
	return errors.Join(err, released)
}

// lease takes the lease for filling the gate, or renews it. It may be ours without our
// knowing: the answer to an earlier try may have been lost.
func (g *Gate) lease(ctx context.Context) error {
	reply, err := g.run(ctx, leaseScript, []string{g.building()}, []string{g.owner, milliseconds(building)})
	if err != nil {
		return err
	}
	ours, err := reply.AsBool()
	if err == nil && !ours {
		err = hold.ErrBuilding
	}
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

func (g *Gate) building() string { return g.tag + "building" }

// built is the key of the mark that the gate knows every SKU that there was when it was
// filled.
func (g *Gate) built() string { return g.tag + "built" }

// Levels reads what is known.
func (g *Gate) Levels(ctx context.Context, skus []string) (map[string]hold.Level, error) {
	client, err := g.reach()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	commands := make(rueidis.Commands, len(skus))
	for i, sku := range skus {
		commands[i] = client.B().Hmget().Key(g.tag+"level:"+sku).Field("available", "position").Build()
	}
	levels := make(map[string]hold.Level, len(skus))
	for i, reply := range client.DoMulti(ctx, commands...) {
		row, err := reply.ToArray()
		if err != nil {
			return nil, away(err)
		}
		if row[0].IsNil() || row[1].IsNil() {
			continue
		}
		l := hold.Level{SKU: skus[i]}
		if l.Available, err = row[0].AsInt64(); err == nil {
			l.Position, err = row[1].AsInt64()
		}
		if err != nil {
			return nil, fmt.Errorf("redis: the level of %s: %w", skus[i], err)
		}
		levels[l.SKU] = l
	}
	return levels, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
