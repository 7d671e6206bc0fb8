package sandbox

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var searchParams = params{"query": must(text(5000)), "limit": integer(1), "page": text(5000), "expand": expandList()}

// searchClause is one condition of a search, such as metadata['order_id']:'7' or created>1700000000.
type searchClause struct {
	negated          bool
	field, key       string // key: of metadata
	operator, wanted string
}

var clausePattern = regexp.MustCompile(`^(-?)(\w+)(?:\[['"]([^'"]+)['"]\])?\s*(:|>=|<=|>|<)\s*(?:'([^']*)'|"([^"]*)"|(\w+))\s*`)

// parseSearch reads Stripe's search language as far as it applies to PaymentIntents: clauses joined by AND (or by a
// space, which means the same) or all by OR.
func parseSearch(query string) (clauses []searchClause, anyOf bool, ok bool) {
	rest := strings.TrimSpace(query)
	for rest != "" {
		m := clausePattern.FindStringSubmatch(rest)
		if m == nil {
			return nil, false, false
		}
		clauses = append(clauses, searchClause{negated: m[1] == "-", field: m[2], key: m[3], operator: m[4], wanted: m[5] + m[6] + m[7]})
		rest = rest[len(m[0]):]
		if after, or := strings.CutPrefix(rest, "OR "); or {
			rest, anyOf = after, true
		} else if after, and := strings.CutPrefix(rest, "AND "); and {
			if anyOf {
				return nil, false, false // Stripe forbids mixing them
			}
			rest = after
		}
	}
	return clauses, anyOf, len(clauses) > 0 && len(clauses) <= 10
}

func (c searchClause) known() bool {
	switch c.field {
	case "metadata":
		return c.key != "" && c.operator == ":"
	case "status", "currency":
		return c.operator == ":"
	case "amount", "created":
		_, err := strconv.ParseInt(c.wanted, 10, 64)
		return err == nil
	}
	return false
}

func (c searchClause) holds(pi *paymentIntent) bool {
	switch c.field {
	case "metadata":
		value, given := pi.Core.Metadata[c.key]
		if c.wanted == "null" {
			return !given != c.negated
		}
		return (given && value == c.wanted) != c.negated
	case "status":
		return (pi.status() == c.wanted) != c.negated
	case "currency":
		return strings.EqualFold(pi.Core.Currency, c.wanted) != c.negated
	case "amount":
		return compares(pi.Core.Amount, c.operator, c.wanted) != c.negated
	}
	return compares(pi.Core.Created.Unix(), c.operator, c.wanted) != c.negated
}

func compares(have int64, operator, text string) bool {
	wanted, _ := strconv.ParseInt(text, 10, 64) // checked by known
	switch operator {
	case ">":
		return have > wanted
	case ">=":
		return have >= wanted
	case "<":
		return have < wanted
	case "<=":
		return have <= wanted
	}
	return have == wanted
}

func (c *call) searchIntents() (any, *apiError) {
	clauses, anyOf, ok := parseSearch(c.form.get("query"))
	if !ok || slices.ContainsFunc(clauses, func(s searchClause) bool { return !s.known() }) {
		return nil, paramError("", "query", "We were unable to parse your search query. The sandbox knows metadata['key'], status, currency, amount and created.")
	}
	holds := func(pi *paymentIntent) bool {
		met := func(s searchClause) bool { return s.holds(pi) }
		if anyOf {
			return slices.ContainsFunc(clauses, met)
		}
		return !slices.ContainsFunc(clauses, func(s searchClause) bool { return !met(s) })
	}
	q := pageQuery{limit: 10, to: maxUnixTime, after: c.form.get("page")}
	if c.form.has("limit") {
		q.limit = int(min(c.form.number("limit"), 100))
	}
	found, more, err := c.searchIn(clauses, anyOf).page(q, "page", holds)
	if err != nil {
		return nil, err
	}
	answer := &searchResult{Object: "search_result", Data: []any{}, HasMore: more, URL: "/v1/payment_intents/search"}
	for _, pi := range found {
		answer.Data = append(answer.Data, c.renderIntent(pi, c.expand.under("data")))
	}
	if more {
		answer.NextPage = &found[len(found)-1].Core.ID
	}
	return answer, nil
}

// searchIn is where to look: a metadata clause narrows it to the few that once had that value.
func (c *call) searchIn(clauses []searchClause, anyOf bool) *listing[*paymentIntent] {
	for _, s := range clauses {
		if s.field == "metadata" && !s.negated && !anyOf && s.wanted != "null" {
			tagged := c.stripe.tagged[s.key+"\x00"+s.wanted]
			return newListing(0, slices.Compact(slices.Clone(tagged))...)
		}
	}
	return c.stripe.intents
}
