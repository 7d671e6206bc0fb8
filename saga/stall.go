package saga

// StallTask says that a task's result could not be committed, for a reason that a
// repeat will meet again: the gateway's evidence contradicts what the database
// guards. It touches nothing but the task. In the end an operator must look.
type StallTask struct {
	Run     TaskRun
	Message string // for people; never a secret
}

func (c StallTask) needs(*State) Keys { return Keys{} }

func (c StallTask) decide(d *draft) (Result, error) {
	t := c.Run.Task
	t.Attempts++
	t.LastError = c.Message
	t.Attention = t.Attempts >= Backoff.Limit
	d.runLater(t, d.now().Add(Backoff.Pause(t.Attempts-1, d.id.Random())))
	return Result{}, nil
}
