package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
)

// Role is a part of the work that a process can do. Every process decides and commits
// by an engine of its own: roles differ in where its commands come from.
type Role string

// The roles.
const (
	RoleAPI          Role = "api"          // the JSON API, webhooks and pages
	RoleOrchestrator Role = "orchestrator" // what is due by time, and tasks that need no gateway
	RolePayments     Role = "payments"     // tasks that call a gateway
)

// Roles are all that there are.
func Roles() []Role { return []Role{RoleAPI, RoleOrchestrator, RolePayments} }

// Kinds are the tasks that a role runs.
func (r Role) Kinds() []checkout.TaskKind {
	switch r {
	case RoleOrchestrator:
		return []checkout.TaskKind{checkout.TaskWebhook}
	case RolePayments:
		return []checkout.TaskKind{
			checkout.TaskInitiate, checkout.TaskLookUp, checkout.TaskClose, checkout.TaskCapture, checkout.TaskVoid,
			checkout.TaskRefund, checkout.TaskLookUpRefund,
		}
	}
	return nil
}

// roles are those of one process, in the order of Roles.
type roles []Role

func (rs roles) has(r Role) bool { return slices.Contains(rs, r) }

// split tells whether other processes do a part of the work.
func (rs roles) split() bool { return len(rs) < len(Roles()) }

// kinds are the tasks that the process runs; nil: all.
func (rs roles) kinds() []checkout.TaskKind {
	if !rs.split() {
		return nil
	}
	kinds := []checkout.TaskKind{}
	for _, r := range rs {
		kinds = append(kinds, r.Kinds()...)
	}
	return kinds
}

// buyersPoll is the pause between two looks for tasks that others commit and buyers
// wait for.
const buyersPoll = 100 * time.Millisecond

// poll is the pause between two looks for due tasks; 0: the usual.
func (rs roles) poll() time.Duration {
	if rs.split() && rs.has(RolePayments) {
		return buyersPoll
	}
	return 0
}

// parseRoles reads the names of roles, in any order. None means all.
func parseRoles(names []string) (roles, error) {
	named := map[Role]bool{}
	for _, name := range names {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		r := Role(name)
		if !slices.Contains(Roles(), r) {
			return nil, fmt.Errorf("config: roles: there is no role %q; there are %s", name, list(Roles()))
		}
		named[r] = true
	}
	all := roles(Roles())
	if len(named) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(r Role) bool { return !named[r] }), nil
}

func list(rs []Role) string {
	names := make([]string, len(rs))
	for i, r := range rs {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// roles are the configured ones, where this configuration allows them.
func (c *Config) roles() (roles, error) {
	rs, err := parseRoles(c.Roles)
	switch {
	case err != nil:
		return nil, err
	case rs.split() && (strings.HasPrefix(c.Store.URL, "sqlite:") || strings.HasPrefix(c.Store.URL, "memory")):
		return nil, fmt.Errorf("config: roles has only %s, but store.url allows one process, which has all the work to do; leave roles out", list(rs))
	case rs.has(RolePayments) && !rs.has(RoleAPI) && c.PublicURL == "" && c.CheckoutURL == "":
		return nil, fmt.Errorf("config: public_url is missing: a process with the role payments and without api sends buyers back to the processes that have it; give the same public_url to all")
	}
	return rs, nil
}

// roleNames are the roles for people.
func (c *Config) roleNames() []string {
	rs, err := parseRoles(c.Roles)
	if err != nil {
		return c.Roles
	}
	return strings.Split(list(rs), ", ")
}
