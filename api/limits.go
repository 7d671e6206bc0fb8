package api

import (
	"slices"
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

	mu       sync.Mutex
	sessions map[string]*lockCount
	byIP     map[string]map[string]*lockCount // by address, then session
}

// lockCount is what counts for one session: its lock, and those that are being
// asked for in its place. Which of them the database takes, and in which order,
// is known only when all are answered, so the largest counts.
type lockCount struct {
	ip     string // that asked last
	claims []*claim
}

type claim struct {
	units  int64
	until  time.Time
	locked bool // and not just asked for
}

func (l *lockCount) units() int64 {
	most := int64(0)
	for _, c := range l.claims {
		most = max(most, c.units)
	}
	return most
}

// maxCounted bounds the sessions whose locks are counted by address.
const maxCounted = 100_000

func newLockCaps(perSession, perIP int64, now func() time.Time) *lockCaps {
	return &lockCaps{
		perSession: perSession, perIP: perIP, now: now,
		sessions: map[string]*lockCount{}, byIP: map[string]map[string]*lockCount{},
	}
}

// take counts a lock that a session asks for. settle must be called with what
// came of it: it took the place of the session's lock, or it was refused.
func (c *lockCaps) take(ip, session string, items []checkout.Item, ttl time.Duration) (settle func(locked bool), err error) {
	asked := &claim{until: c.now().Add(ttl)}
	for _, item := range items {
		asked.units += item.Qty
	}
	if c.perSession > 0 && asked.units > c.perSession {
		return nil, checkout.Invalid("items", "one session may lock at most %d units, not %d", c.perSession, asked.units)
	}
	if c.perIP == 0 {
		return func(bool) {}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.add(ip, session, asked); err != nil {
		return nil, err
	}
	return func(locked bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		asked.locked = locked
		c.drop(session, func(other *claim) bool {
			if locked {
				return other.locked && other != asked
			}
			return other == asked
		})
	}, nil
}

// add counts a claim where the caps allow it. A session that has changed its
// address is counted at the new one from then on.
func (c *lockCaps) add(ip, session string, asked *claim) error {
	c.forgetEnded(ip)
	c.forgetEndedOf(session)
	l := c.sessions[session]
	if l == nil {
		l = &lockCount{ip: ip}
	}
	if c.lockedAt(ip, session)+max(l.units(), asked.units) > c.perIP {
		return checkout.Refuse(checkout.CodeRateLimited, "too many units are locked from this address; unlock some or try again later")
	}
	if c.sessions[session] == nil && len(c.sessions) >= maxCounted && !c.makeRoom() {
		return checkout.Refuse(checkout.CodeOverloaded, "too many locks are open; try again later")
	}
	c.remove(session)
	l.ip, l.claims = ip, append(l.claims, asked)
	c.sessions[session] = l
	if c.byIP[ip] == nil {
		c.byIP[ip] = map[string]*lockCount{}
	}
	c.byIP[ip][session] = l
	return nil
}

// release stops counting a session's lock, which has ended or is an order's now.
// Whoever ends it may call from another address than the one that it counts for.
func (c *lockCaps) release(session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(session, func(one *claim) bool { return one.locked })
}

// lockedAt sums the units of an address's other sessions.
func (c *lockCaps) lockedAt(ip, but string) int64 {
	sum := int64(0)
	for session, l := range c.byIP[ip] {
		if session != but {
			sum += l.units()
		}
	}
	return sum
}

// drop forgets a session's claims that are over.
func (c *lockCaps) drop(session string, over func(*claim) bool) {
	l := c.sessions[session]
	if l == nil {
		return
	}
	if l.claims = slices.DeleteFunc(l.claims, over); len(l.claims) == 0 {
		c.remove(session)
	}
}

func (c *lockCaps) remove(session string) {
	l := c.sessions[session]
	if l == nil {
		return
	}
	delete(c.sessions, session)
	delete(c.byIP[l.ip], session)
	if len(c.byIP[l.ip]) == 0 {
		delete(c.byIP, l.ip)
	}
}

func (c *lockCaps) forgetEnded(ip string) {
	for session := range c.byIP[ip] {
		c.forgetEndedOf(session)
	}
}

func (c *lockCaps) forgetEndedOf(session string) {
	now := c.now()
	c.drop(session, func(one *claim) bool { return !one.until.After(now) })
}

// makeRoom forgets all locks that have ended and tells whether that helped.
func (c *lockCaps) makeRoom() bool {
	for session := range c.sessions {
		c.forgetEndedOf(session)
	}
	return len(c.sessions) < maxCounted
}
