// Package saga decides. Decide takes the loaded rows and one command and returns
// the changed rows, what they owe next (tasks) and what happened (events). All
// rules of checkout live here: how stock, payment and order move together, and
// what undoes what when one of them cannot.
//
// The package is pure. It must not know stores, gateways, HTTP, clocks,
// randomness, locks or contexts: the time is State.Now, and ids are children of
// the command's own id.
package saga

import (
	"kassa/checkout"
)

// Command is one wish or one piece of evidence. The commands are the exported
// types of this package that have these methods.
type Command interface {
	// needs names the rows that the command is decided on, as far as the state
	// tells: it is asked again when more has been loaded.
	needs(s *State) Keys
	// decide writes its changes into the draft, or refuses with an error and
	// has then changed nothing.
	decide(d *draft) (Result, error)
}

// Result is what a decided command answers: the rows it is about, as they now
// are. Fields that the command is not about are nil.
type Result struct {
	Order   *checkout.Order
	Payment *checkout.Payment
	Refund  *checkout.Refund
	Hold    *checkout.Hold
	Cart    *checkout.Cart
	Product *checkout.Product
	Levels  []checkout.Level
	Quote   *checkout.Quote

	// Existing says that the command found its effect already there and
	// changed nothing of it.
	Existing bool
	// Waiting says that a gateway is being asked and that the caller should
	// look again when the payment changes.
	Waiting bool
}

// Needs names the rows that a command must find in the state.
func Needs(s *State, c Command) Keys { return c.needs(s) }

// Claims names the natural keys of which a command makes a row where there is none,
// if it is not refused. Its needs name the same keys.
func Claims(c Command) Keys {
	if claimer, ok := c.(interface{ claims() Keys }); ok {
		return claimer.claims()
	}
	return Keys{}
}

// Wish is the stock that a command wants to hold.
type Wish struct {
	Items     []checkout.Item // each SKU once; empty where they are the cart's
	CartID    checkout.ID
	SessionID string // whose hold the command replaces or adopts, where there may be one
}

// Wanted tells what stock a command wants to hold, before anything is loaded; ok is
// false of one that never asks for stock that somebody else could have had.
func Wanted(c Command) (wish Wish, ok bool) {
	if wisher, ok := c.(interface{ wish() Wish }); ok {
		return wisher.wish(), true
	}
	return Wish{}, false
}

// Decide applies one command to the state. id is a fresh random id; new rows get
// its children. It returns either changes and a result, or an error and nothing:
// a *checkout.Error where the command is refused. The state is not touched.
func Decide(s *State, id checkout.ID, c Command) (Changes, Result, error) {
	d := &draft{state: s, id: id}
	result, err := c.decide(d)
	if err != nil {
		return Changes{}, Result{}, err
	}
	return d.changes, result, nil
}
