package engine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"kassa/batch"
	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

// prepared is a batch that was decided from memory and is written in one flight.
type prepared struct {
	engine   *Engine
	tx       store.Tx
	save     *store.Save // nil: nothing changed
	outcomes []batch.Outcome[Reply]
	numbered map[checkout.ID]bool // orders whose row the commit gives an invoice number
	left     *left                // nil without a gate
	ended    atomic.Bool
}

func (p *prepared) Outcomes() []batch.Outcome[Reply] { return p.outcomes }

// Commit writes the batch, in one flight. One that changes nothing was decided on
// memory, too, so it must be as true.
func (p *prepared) Commit(ctx context.Context) (err error) {
	defer func() { p.ended.Store(!errors.Is(err, store.ErrUnknownCommit)) }() // else its numbers are still to be learnt
	if p.save == nil {
		err = p.engine.owner.check(ctx)
	} else {
		defer p.engine.rollback(p.tx)
		err = p.engine.write(ctx, p.tx, p.save, p.outcomes)
	}
	if err == nil { // else it is decided again, or its position is not known
		p.left.at(p.engine.owner.position.Load())
	}
	return err
}

// stage readies the commit, while the batch before is still in the air.
func (p *prepared) stage(ctx context.Context) (err error) {
	if p.save == nil {
		return nil
	}
	if p.tx, err = p.engine.store.Begin(ctx); err != nil {
		return err
	}
	return p.tx.Stage(ctx, p.save)
}

// Prepare decides a batch from memory, on top of the one that is committing. What
// memory does not have is read. Nothing is locked: the rows are this engine's, and
// the commit makes sure of it.
func (e *Engine) Prepare(ctx context.Context, id checkout.ID, calls []*call) (batch.Prepared[Reply], error) {
	if !e.owner.claim(ctx) {
		return nil, nil
	}
	now, err := e.clock.now(ctx)
	if err != nil {
		return nil, err
	}
	set := e.workset(len(calls))
	set.state.Now = now
	e.recent.age()
	e.wary = max(e.wary-1, 0)
	if err := e.recall(ctx, set.state, calls); err != nil {
		return nil, err
	}
	if e.busy(set.state) {
		return nil, batch.ErrBusy
	}
	outcomes, err := e.decideAhead(ctx, set, calls)
	if err != nil {
		return nil, err
	}
	next := e.prepared(set, id, outcomes)
	if err := next.stage(ctx); err != nil {
		return nil, err
	}
	if next.save != nil {
		e.recent.keep(set)
	}
	e.last = next
	return next, nil
}

// workset is the one of the batch before, where that was not so much larger that
// to empty it would take longer than to make a small one.
func (e *Engine) workset(calls int) *workset {
	if e.set == nil || e.setCalls > 8*calls {
		e.set, e.setCalls = newWorkset(), 0
	}
	e.set.renew()
	e.setCalls = max(e.setCalls, calls)
	return e.set
}

func (e *Engine) prepared(set *workset, id checkout.ID, outcomes []batch.Outcome[Reply]) *prepared {
	p := &prepared{engine: e, save: set.save(id), outcomes: outcomes}
	p.left = e.gate.tell(set, outcomes)
	if p.save == nil {
		return p
	}
	p.save.Owner = e.owner.name()
	for i := range outcomes {
		set.final(&outcomes[i].Result)
	}
	if len(p.save.Invoices) > 0 {
		p.numbered = make(map[checkout.ID]bool, len(p.save.Invoices))
		for _, o := range p.save.Invoices {
			p.numbered[o.ID] = true
		}
	}
	return p
}

// busy tells whether the state holds an order to which the batch in the air is
// giving its invoice number.
func (e *Engine) busy(state *saga.State) bool {
	if e.last == nil || len(e.last.numbered) == 0 || e.last.ended.Load() {
		return false
	}
	for id := range state.Orders {
		if e.last.numbered[id] {
			return true
		}
	}
	return false
}

// waryBatches is for how many batches after a failed commit nothing is taken for
// new: it may have been the database's refusal of what was not.
const waryBatches = 100

// Forget drops what is remembered: it stands on a commit that failed.
func (e *Engine) Forget() {
	e.recent, e.last, e.wary = newRecent(), nil, waryBatches
	e.owner.settle()
}

// recall fills the state from memory and reads what is not there: once, and once
// more for what only the first rows tell.
func (e *Engine) recall(ctx context.Context, state *saga.State, calls []*call) error {
	var certain, claimed saga.Keys
	for _, c := range calls {
		claims := claims(c)
		claimed.Add(claims)
		certain.Add(without(needs(state, c), claims))
	}
	e.remember(state, certain)
	e.remember(state, claimed)
	if e.wary > 0 {
		certain.Add(claimed)
	}
	if err := e.read(ctx, state.Missing(certain), state); err != nil {
		return err
	}
	suppose(state, calls, claimed)
	if !telling(state) {
		return nil
	}
	var more saga.Keys
	for _, c := range calls {
		more.Add(needs(state, c))
	}
	e.remember(state, more)
	return e.read(ctx, state.Missing(more), state)
}

// remember puts into the state what memory knows of the keys.
func (e *Engine) remember(state *saga.State, keys saga.Keys) {
	keys = state.Missing(keys)
	e.recent.fill(&keys, state)
}

// read loads rows and remembers them.
func (e *Engine) read(ctx context.Context, keys saga.Keys, state *saga.State) error {
	if keys.Empty() {
		return nil
	}
	now := state.Now
	if err := e.store.Read(ctx, keys, state); err != nil {
		return err
	}
	state.Now = now
	e.recent.learn(&keys, state)
	return nil
}

// suppose takes those claimed keys for new that nobody knows: their commands make
// a row of them, and were one there, the database would refuse a second.
func suppose(state *saga.State, calls []*call, claimed saga.Keys) {
	for _, c := range calls {
		claims := claims(c)
		c.supposed = !state.Has(&claims)
	}
	unknown := state.Missing(claimed)
	for _, key := range unknown.Answers {
		state.Answers[key] = nil
	}
	for _, session := range unknown.Sessions {
		state.Holds[session] = nil
	}
	for _, key := range unknown.Webhooks {
		state.Webhooks[key] = nil
	}
}

// without leaves out of a call's needs the keys that it claims. What another call
// needs of them is read.
func without(needs, claims saga.Keys) saga.Keys {
	if len(claims.Answers) > 0 {
		needs.Answers = nil
	}
	if len(claims.Sessions) > 0 {
		needs.Sessions = nil
	}
	if len(claims.Webhooks) > 0 {
		needs.Webhooks = nil
	}
	return needs
}

// claims are the natural keys of which a call makes a row where there is none.
func claims(c *call) saga.Keys {
	keys := saga.Claims(c.Command)
	if c.Key != nil {
		keys.Answers = []checkout.KeyID{c.Key.KeyID}
	}
	return keys
}

// errSupposed: the command did not claim a key that was supposed to be new, so
// that nothing would tell if it was not.
var errSupposed = errors.New("engine: a key was supposed to be new")

// decideAhead decides the calls. One that supposed a key to be new and then made
// no row of it is decided again with the truth.
func (e *Engine) decideAhead(ctx context.Context, set *workset, calls []*call) ([]batch.Outcome[Reply], error) {
	outcomes := make([]batch.Outcome[Reply], len(calls))
	var doubtful []int
	var keys saga.Keys
	for i, c := range calls {
		outcomes[i] = e.decide(set, c)
		if errors.Is(outcomes[i].Err, errSupposed) {
			doubtful = append(doubtful, i)
			keys.Add(set.unmade(claims(c)))
		}
	}
	if len(doubtful) == 0 {
		return outcomes, nil
	}
	set.forget(keys)
	if err := e.read(ctx, set.state.Missing(keys), set.state); err != nil {
		return nil, err
	}
	for _, i := range doubtful {
		calls[i].supposed = false
		outcomes[i] = e.decide(set, calls[i])
	}
	return outcomes, nil
}

// claimed tells whether a decided call made the rows that it supposed were not
// there.
func (c *call) claimed(changes *saga.Changes, reply *Reply) bool {
	keys := claims(c)
	made := len(keys.Answers) == 0 || reply.Answer != nil && kept(*reply.Answer)
	for _, session := range keys.Sessions {
		made = made && slices.ContainsFunc(changes.Holds, func(h *checkout.Hold) bool { return h.SessionID == session })
	}
	for _, key := range keys.Webhooks {
		made = made && slices.ContainsFunc(changes.Webhooks, func(w *checkout.WebhookRecord) bool {
			return w.Event.Gateway == key.Gateway && w.Event.Key == key.Key
		})
	}
	return made
}

// unmade are those of the keys that no call of the batch has made a row of.
func (w *workset) unmade(keys saga.Keys) (out saga.Keys) {
	for _, key := range keys.Answers {
		if w.state.Answers[key] == nil {
			out.Answers = append(out.Answers, key)
		}
	}
	for _, session := range keys.Sessions {
		if w.state.Holds[session] == nil {
			out.Sessions = append(out.Sessions, session)
		}
	}
	for _, key := range keys.Webhooks {
		if w.state.Webhooks[key] == nil {
			out.Webhooks = append(out.Webhooks, key)
		}
	}
	return out
}

// forget makes keys unknown again, to be read.
func (w *workset) forget(keys saga.Keys) {
	for _, key := range keys.Answers {
		delete(w.state.Answers, key)
	}
	for _, session := range keys.Sessions {
		delete(w.state.Holds, session)
	}
	for _, key := range keys.Webhooks {
		delete(w.state.Webhooks, key)
	}
}
