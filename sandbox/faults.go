package sandbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// Fault is a rule for something to go wrong. It is asked for by POST /_sim/faults, by SetFaults, or for one object alone
// by metadata[sim_fault]=name (several: name,name).
type Fault struct {
	// Name is what goes wrong: see the README and faultKinds.
	Name string `json:"fault"`
	// Operation is what it strikes: payment_intents.create, refunds.*, *. For webhook_… faults it is the event's type.
	Operation string `json:"operation"`
	// Nth strikes only the nth match, counted from 1; 0: any.
	Nth int `json:"nth,omitempty"`
	// Probability strikes each match with this chance; 0: always.
	Probability float64 `json:"probability,omitempty"`
	// Times is how often it strikes at most; 0: no limit.
	Times int `json:"times,omitempty"`
	// LatencyMS is the pause of latency (100) and of webhook_delay (1000), in milliseconds.
	LatencyMS int `json:"latency_ms,omitempty"`
	// RetryAfterS is the Retry-After header of rate_limit (1), in seconds.
	RetryAfterS int `json:"retry_after_s,omitempty"`
	// Count is how many copies webhook_duplicate sends (2), and how many events webhook_shuffle mixes (4).
	Count int `json:"count,omitempty"`
	// WindowMS is how long webhook_shuffle waits for Count events, in milliseconds (500).
	WindowMS int `json:"window_ms,omitempty"`
}

// faultStage says when a fault strikes.
type faultStage int

const (
	stageBefore  faultStage = iota + 1 // nothing has happened yet
	stageRun                           // while the operation runs and its key is taken
	stageAfter                         // the effect is there, the answer stored under its key
	stageWebhook                       // on the way to the receiver
	stageOutcome                       // a refund's fate; by metadata only
)

// Names of the faults that code asks for by name.
const (
	faultLatency        = "latency"
	faultStored500      = "stored_500"
	faultDrop           = "webhook_drop"
	faultDuplicate      = "webhook_duplicate"
	faultDelay          = "webhook_delay"
	faultShuffle        = "webhook_shuffle"
	faultBadSignature   = "webhook_bad_signature"
	faultWrongAmount    = "webhook_wrong_amount"
	faultWrongCurrency  = "webhook_wrong_currency"
	faultOldSecret      = "webhook_old_secret" // #nosec G101 -- a fault's name
	faultRotated        = "webhook_rotated"
	faultSkewedClock    = "webhook_skewed_clock"
	faultBeforeResponse = "webhook_before_response"
)

// faultKinds is every fault there is.
var faultKinds = map[string]faultStage{
	"hang": stageBefore, "rate_limit": stageBefore, "lock_timeout": stageBefore, "reset": stageBefore,
	"error_500": stageBefore, "error_502": stageBefore, "error_503": stageBefore, "html_502": stageBefore, "html_503": stageBefore,
	faultLatency: stageRun, faultStored500: stageRun,
	"lost_answer": stageAfter, "lost_answer_504": stageAfter, "hang_after": stageAfter, "malformed": stageAfter,
	faultDrop: stageWebhook, faultDuplicate: stageWebhook, faultDelay: stageWebhook, faultShuffle: stageWebhook,
	faultBadSignature: stageWebhook, faultWrongAmount: stageWebhook, faultWrongCurrency: stageWebhook, faultOldSecret: stageWebhook,
	faultRotated: stageWebhook, faultSkewedClock: stageWebhook, faultBeforeResponse: stageWebhook,
	"refund_fail": stageOutcome, "refund_pending": stageOutcome, "refund_requires_action": stageOutcome,
}

// FaultStatus is a rule and what it has done so far.
type FaultStatus struct {
	Fault
	Seen   int `json:"seen"`   // matches
	Struck int `json:"struck"` // of them, those that it struck
}

// faultPlan decides what goes wrong.
type faultPlan struct {
	mu      sync.Mutex
	rules   []*FaultStatus
	random  *rand.Rand
	struck  map[string]bool // faults of objects that have struck their idempotency key
	strikes []string        // the keys of struck, oldest first
}

const maxStruck = 100_000

func newFaultPlan(seed uint64) *faultPlan {
	return &faultPlan{random: rand.New(newChaCha(seed, 0, "faults")), struck: map[string]bool{}} // #nosec G404 -- repeatable on purpose
}

// set replaces the rules.
func (p *faultPlan) set(rules []Fault) error {
	fresh := make([]*FaultStatus, 0, len(rules))
	for i, rule := range rules {
		if err := rule.check(); err != nil {
			return fmt.Errorf("sandbox: fault %d: %w", i+1, err)
		}
		fresh = append(fresh, &FaultStatus{Fault: rule})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = fresh
	return nil
}

func (f *Fault) check() error {
	stage, known := faultKinds[f.Name]
	switch {
	case !known:
		return fmt.Errorf("no fault is called %q; there are %s", f.Name, strings.Join(faultList(), ", "))
	case stage == stageOutcome:
		return fmt.Errorf("%s can only be asked for by metadata[sim_fault]", f.Name)
	case f.Operation == "":
		return fmt.Errorf("%s needs an operation, such as payment_intents.create or *", f.Name)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("the probability %g is not between 0 and 1", f.Probability)
	case min(f.Nth, f.Times, f.LatencyMS, f.RetryAfterS, f.Count, f.WindowMS) < 0:
		return fmt.Errorf("%s has a negative number", f.Name)
	}
	return nil
}

func faultList() []string {
	names := make([]string, 0, len(faultKinds))
	for name := range faultKinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// list returns the rules and what they have done.
func (p *faultPlan) list() []FaultStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []FaultStatus{}
	for _, rule := range p.rules {
		all = append(all, *rule)
	}
	return all
}

// draw decides which faults strike one call: the rules' and, once for each idempotency key, those the object asks for.
func (p *faultPlan) draw(operation string, asked []string, key string) []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	var drawn []Fault
	for _, rule := range p.rules {
		if faultKinds[rule.Name] != stageWebhook && p.strikesNow(rule, operation) {
			drawn = append(drawn, rule.Fault)
		}
	}
	for _, name := range asked {
		if stage := faultKinds[name]; stage >= stageBefore && stage <= stageAfter && p.first(operation+"\x00"+name+"\x00"+key, key) {
			drawn = append(drawn, Fault{Name: name})
		}
	}
	return drawn
}

// drawWebhook decides which faults strike the deliveries of one event.
func (p *faultPlan) drawWebhook(kind string, asked []string) []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	var drawn []Fault
	for _, rule := range p.rules {
		if faultKinds[rule.Name] == stageWebhook && p.strikesNow(rule, kind) {
			drawn = append(drawn, rule.Fault)
		}
	}
	for _, name := range asked {
		if faultKinds[name] == stageWebhook {
			drawn = append(drawn, Fault{Name: name})
		}
	}
	return drawn
}

// strikesNow counts a match and decides.
func (p *faultPlan) strikesNow(rule *FaultStatus, operation string) bool {
	if !matches(rule.Operation, operation) {
		return false
	}
	rule.Seen++
	if rule.Nth > 0 && rule.Seen != rule.Nth || rule.Times > 0 && rule.Struck >= rule.Times {
		return false
	}
	if rule.Probability > 0 && p.random.Float64() >= rule.Probability {
		return false
	}
	rule.Struck++
	return true
}

// first says whether an object's fault has not struck this idempotency key before; otherwise no retry would ever get
// through. Without a key every call is a new one.
func (p *faultPlan) first(strike, key string) bool {
	if key == "" {
		return true
	}
	if p.struck[strike] {
		return false
	}
	p.struck[strike] = true
	if p.strikes = append(p.strikes, strike); len(p.strikes) > maxStruck {
		delete(p.struck, p.strikes[0])
		p.strikes = p.strikes[1:]
	}
	return true
}

// shuffle permutes n positions so that they are not in order.
func (p *faultPlan) shuffle(n int) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	order := p.random.Perm(n)
	if n > 1 && slices.IsSorted(order) {
		slices.Reverse(order)
	}
	return order
}

// faultNames reads metadata[sim_fault].
func faultNames(metadata map[string]string) []string {
	if metadata["sim_fault"] == "" {
		return nil
	}
	return strings.Split(metadata["sim_fault"], ",")
}

// findFault returns the drawn fault of a name, or nil.
func findFault(drawn []Fault, name string) *Fault {
	for i := range drawn {
		if drawn[i].Name == name {
			return &drawn[i]
		}
	}
	return nil
}

// orDefault is n, or standard where n is 0.
func orDefault(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}
