package sqlite

import (
	"context"

	native "modernc.org/sqlite/lib"
)

// checkpointEvery is after how many written pages the log's pages are put back into
// the file: 32 MiB. Pages that were written many times by then are put back once.
const checkpointEvery = 8192

// checkpointer puts the write-ahead log's pages back into the file, so that no
// commit pays for it. Most of it is done beside the writer; what was written
// meanwhile in one turn of the writer's, after which the log begins anew at its
// start. A reader that is in between lets the log grow until the next time.
//
// It must not fail anything: the log has every page until the next time.
type checkpointer struct {
	conn   *connection
	writer *pool
	wake   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}
}

func newCheckpointer(path string, writer *pool) (*checkpointer, error) {
	conn, err := openConnection(path, native.SQLITE_OPEN_READWRITE, "synchronous = FULL", noCheckpoints)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &checkpointer{conn: conn, writer: writer, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go p.run(ctx)
	return p, nil
}

// close waits until nothing is put back any more. It may be called again.
func (p *checkpointer) close() {
	p.stop()
	<-p.done
	p.conn.close()
}

func (p *checkpointer) run(ctx context.Context) {
	defer close(p.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
			p.putBack(ctx)
		}
	}
}

func (p *checkpointer) putBack(ctx context.Context) {
	p.checkpoint(ctx)
	turn, err := p.writer.acquire(ctx)
	if err != nil {
		return
	}
	defer p.writer.release(turn)
	p.checkpoint(ctx)
}

func (p *checkpointer) checkpoint(ctx context.Context) {
	_, _ = collect(ctx, p.conn, "checkpoint", scanInt)
}

// after looks, after a commit, whether it is time. It does not wait.
func (p *checkpointer) after(c *connection) {
	if p == nil || c.written(checkpointEvery) < checkpointEvery {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default: // it is at work
	}
}
