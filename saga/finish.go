package saga

import "kassa/checkout"

// FinishTask ends a task whose runner found nothing to do: what it was for has
// happened otherwise. An attempt that is still open goes on to be looked up.
type FinishTask struct{ Run TaskRun }

func (c FinishTask) needs(*State) Keys {
	if c.Run.Task.OrderID.IsZero() {
		return Keys{}
	}
	return Keys{Orders: []checkout.ID{c.Run.Task.OrderID}}
}

func (c FinishTask) decide(d *draft) (Result, error) {
	o := d.order(c.Run.Task.OrderID)
	if o != nil {
		if p := o.Payment(c.Run.Task.ID); p != nil {
			d.owe(o, p, &c.Run)
		}
	}
	d.finishTask(&c.Run)
	return Result{Order: o}, nil
}
