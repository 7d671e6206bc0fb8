package api

import (
	"sync"
	"time"

	"kassa/checkout"
)

// lockCaps bounds what storefronts may lock: units of one session, and of all
// sessions of one address. The second count is this process's own: it keeps one
// buyer from emptying the shelves, and the database stays the truth.
type lockCaps struct {
	perSession, perIP int64
	now               func() time.Time

	mu   sync.Mutex
	byIP map[string]map[string]lockedUnits // by address, then session
	size int
}

type lockedUnits struct {
	units int64
	until time.Time
}

// maxCounted bounds the locks that are counted by address.
const maxCounted = 100_000

func newLockCaps(perSession, perIP int64, now func() time.Time) *lockCaps {
	return &lockCaps{perSession: perSession, perIP: perIP, now: now, byIP: map[string]map[string]lockedUnits{}}
}

// take counts a session's lock in place of the one before. undo puts that back,
// for a lock that was refused after all.
func (c *lockCaps) take(ip, session string, items []checkout.Item, ttl time.Duration) (undo func(), err error) {
	units := int64(0)
	for _, item := range items {
		units += item.Qty
	}
	if c.perSession > 0 && units > c.perSession {
		return nil, checkout.Invalid("items", "one session may lock at most %d units, not %d", c.perSession, units)
	}
	if c.perIP == 0 {
		return func() {}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetEnded(ip)
	if c.locked(ip, session)+units > c.perIP {
		return nil, checkout.Refuse(checkout.CodeRateLimited, "too many units are locked from this address; unlock some or try again later")
	}
	if c.size >= maxCounted && !c.makeRoom() {
		return nil, checkout.Refuse(checkout.CodeOverloaded, "too many locks are open; try again later")
	}
	before := c.byIP[ip][session]
	c.set(ip, session, lockedUnits{units: units, until: c.now().Add(ttl)})
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.set(ip, session, before)
	}, nil
}

// release stops counting a session's lock.
func (c *lockCaps) release(ip, session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(ip, session, lockedUnits{})
}

// locked sums the units of an address's other sessions.
func (c *lockCaps) locked(ip, but string) int64 {
	sum := int64(0)
	for session, l := range c.byIP[ip] {
		if session != but {
			sum += l.units
		}
	}
	return sum
}

func (c *lockCaps) set(ip, session string, l lockedUnits) {
	sessions := c.byIP[ip]
	if _, counted := sessions[session]; counted {
		delete(sessions, session)
		c.size--
	}
	if l.units > 0 {
		if sessions == nil {
			sessions = map[string]lockedUnits{}
			c.byIP[ip] = sessions
		}
		sessions[session] = l
		c.size++
	}
	if len(sessions) == 0 {
		delete(c.byIP, ip)
	}
}

func (c *lockCaps) forgetEnded(ip string) {
	now := c.now()
	for session, l := range c.byIP[ip] {
		if !l.until.After(now) {
			c.set(ip, session, lockedUnits{})
		}
	}
}

// makeRoom forgets all locks that have ended and tells whether that helped.
func (c *lockCaps) makeRoom() bool {
	for ip := range c.byIP {
		c.forgetEnded(ip)
	}
	return c.size < maxCounted
}
