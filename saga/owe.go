package saga

import "kassa/checkout"

// owe puts the one task that an open attempt owes next.
func (d *draft) owe(o *checkout.Order, p *checkout.Payment, run *TaskRun) {
	if !p.Open() || d.settled(p.ID) {
		return
	}
	if p.Status == checkout.PaymentAuthorized {
		d.oweAct(o, p, run)
		return
	}
	next := checkout.Task{ID: p.ID, Kind: checkout.TaskLookUp, OrderID: o.ID}
	if run != nil {
		next.CreatedAt = run.Task.CreatedAt
	}
	if run != nil && run.Task.Kind == checkout.TaskLookUp {
		p.LookUps++
	}
	justCreated := run != nil && (run.Task.Kind == checkout.TaskInitiate || run.Task.Kind == checkout.TaskLookUp)
	if p.Closing && p.Closable && justCreated && p.GatewayRef != "" {
		next.Kind = checkout.TaskClose
		d.runNow(next)
		return
	}
	if run == nil && p.Closing {
		return // a close is under way and goes on
	}
	d.lookAgain(o, p, next, "the attempt is still open at its gateway after a week of look-ups")
}

// standsIn tells whether the task that made the attempt can stand in for its first
// look-up: it is leased for about as long as that should wait, and whoever claims
// it then finds an attempt that its gateway knows, and looks it up. Most attempts
// end before, so that nothing is written here for those.
func standsIn(p *checkout.Payment, run *TaskRun) bool {
	return run != nil && run.Task.Kind == checkout.TaskInitiate && firstRun(run.Task) &&
		p.Status == checkout.PaymentPending && p.GatewayRef != "" && !p.Closing && !p.Unknown
}

// oweAct owes the capture or void again that was answered without an end, or that
// a look-up stood in for. A look-up that stands in counts the attempts; any other
// comes from before the authorisation, and what was owed then is owed still.
func (d *draft) oweAct(o *checkout.Order, p *checkout.Payment, run *TaskRun) {
	if run == nil {
		return
	}
	t := run.Task
	switch t.Kind {
	case checkout.TaskCapture, checkout.TaskVoid:
		t.Attempts++
	case checkout.TaskLookUp:
		if t.Attempts == 0 && !p.Extra {
			return
		}
	default:
		return
	}
	t.Kind = checkout.TaskCapture
	if p.Extra {
		t.Kind = checkout.TaskVoid
	}
	d.tryAgain(o, t, t.Attempts >= Backoff.Limit)
}

// tryAgain owes a task again after a pause, or an operator's decision.
func (d *draft) tryAgain(o *checkout.Order, t checkout.Task, giveUp bool) {
	if giveUp {
		t.Attention = true
		d.event(o, "task.needs_attention", map[string]any{"task": string(t.Kind), "attempts": t.Attempts})
	}
	d.runLater(t, d.now().Add(Backoff.Pause(max(t.Attempts-1, 0), d.id.Random())))
}

// lookAgain owes the next look-up by the schedule, and an operator's look where
// the schedule has ended.
func (d *draft) lookAgain(o *checkout.Order, p *checkout.Payment, t checkout.Task, ended string) {
	t.Kind = checkout.TaskLookUp
	pause, ok := lookUpPause(d.now().Sub(p.CreatedAt))
	if p.Unknown && p.LookUps < len(unknownSchedule) {
		pause, ok = unknownSchedule[p.LookUps], true
	}
	if !ok {
		t.Attention, t.LastError = true, ended
		d.event(o, "payment.needs_attention", paymentData(p))
	}
	d.runLater(t, d.now().Add(pause))
}
