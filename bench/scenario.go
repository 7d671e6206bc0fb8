package bench

import (
	"slices"
	"strings"
)

// Scenario is what a load does.
type Scenario struct {
	Name  string
	About string // in one line
	steps []string
	goods goods
	http  func(*buyer) op
	local func(*local) func(worker int) op // nil: only over HTTP
	shop  func(*shopper) op                // the same by the textbook's shop

	makesOrders bool // each operation
	textbook    bool // the textbook's shop knows it
}

// whole is the step that is the operation from its (intended) begin to its end.
const whole = "whole"

// scenarios are all, in the order in which they are shown.
var scenarios = []Scenario{
	{
		Name: "lifecycle", About: "whole lives of orders: checkout of two products, payment, the gateway's message, a look at the confirmed order",
		steps: []string{"checkout", "initiate", "webhook", "read", whole}, goods: goods{skus: 10_000, stock: plenty},
		http: lifecycle, local: localLifecycle, shop: shopLifecycle, makesOrders: true, textbook: true,
	},
	{
		Name: "hot", About: "bare holds of one product, each by a session of its own",
		steps: []string{"lock"}, goods: goods{skus: 1, stock: plenty},
		http: hot, local: localHot, shop: shopHot, textbook: true,
	},
	{
		Name: "hot-checkout", About: "whole checkouts of one product",
		steps: []string{"checkout"}, goods: goods{skus: 1, stock: plenty},
		http: hotCheckout, local: localHotCheckout, shop: shopHotCheckout, makesOrders: true, textbook: true,
	},
	{
		Name: "browse", About: "carts made, looked at with a live quote, and changed",
		steps: []string{"make", "read", "replace", whole}, goods: goods{skus: 10_000, stock: plenty},
		http: browse,
	},
	{
		Name: "mixed", About: "a day in a shop: popular products sell most, 3 % leave before they pay, 2 % are declined first, 1 % send everything twice",
		steps: []string{"checkout", "initiate", "webhook", "read", whole}, goods: goods{skus: 10_000, stock: plenty},
		http: mixed, makesOrders: true,
	},
	{
		Name: "soldout", About: "holds of one product of which there are 1,000 units; what counts is refusals after they have gone",
		steps: []string{"lock"}, goods: goods{skus: 1, stock: 1000},
		http: soldout, local: localSoldout, textbook: true,
	},
}

// Scenarios lists all scenarios.
func Scenarios() []Scenario { return slices.Clone(scenarios) }

// ScenarioNames lists the names of all scenarios.
func ScenarioNames() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.Name)
	}
	return names
}

func scenarioOf(name string) (Scenario, bool) {
	for _, s := range scenarios {
		if strings.EqualFold(s.Name, name) {
			return s, true
		}
	}
	return Scenario{}, false
}
