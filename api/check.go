package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kassa/checkout"
	"kassa/money"
)

func place(i int) string { return "items[" + strconv.Itoa(i) + "]" }

// sortedItems sorts items by SKU, as commands want them.
func sortedItems(list []checkout.Item) []checkout.Item {
	return slices.SortedStableFunc(slices.Values(list), func(a, b checkout.Item) int { return cmp.Compare(a.SKU, b.SKU) })
}

// atRequest turns the place of a refused item in the sorted list into its place
// in the request.
func atRequest(err error, asked, sorted []checkout.Item) error {
	var e *checkout.Error
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Fields = slices.Clone(e.Fields)
	for n, f := range e.Fields {
		i := 0
		if _, err := fmt.Sscanf(f.Field, "items[%d].sku", &i); err != nil || i >= len(sorted) {
			continue
		}
		at := slices.Index(asked, sorted[i])
		moved.Fields[n].Field = place(at) + ".sku"
		moved.Detail = moved.Fields[n].Field + ": " + f.Reason
	}
	return &moved
}

// currency reads a currency, or the configured one where none is named. Orders are
// remembered with it, so that it must not hold on to the body that it came in.
func (s *server) currency(code string) (money.Currency, error) {
	if code == "" || code == string(s.Currency) {
		return s.Currency, nil
	}
	c, err := money.ParseCurrency(code)
	if err != nil {
		return "", checkout.Invalid("currency", "must be an ISO 4217 code in upper case, such as INR")
	}
	return money.Currency(strings.Clone(string(c))), nil
}

// noCoupons refuses what is not there yet.
func noCoupons(coupons []string) error {
	if len(coupons) > 0 {
		return &checkout.Error{
			Code: checkout.CodeCouponInvalid, Detail: "coupons are not available yet",
			Fields: []checkout.FieldError{{Field: "coupons[0]", Reason: "there is no such coupon"}},
		}
	}
	return nil
}

// customerInput is who buys.
type customerInput struct {
	Email  string `json:"email" maxLength:"254" pattern:"^[^@\\s<>]+@[^@\\s<>]+$" patternDescription:"an e-mail address" example:"asha@example.com"`
	Name   string `json:"name" maxLength:"200" pattern:"\\S" patternDescription:"more than spaces" example:"Asha Rao"`
	Phone  string `json:"phone,omitempty" maxLength:"32" pattern:"^\\+?[0-9 ().-]{5,}$" patternDescription:"a phone number" example:"+919876543210"`
	UserID string `json:"user_id,omitempty" maxLength:"128" doc:"The shop's own name for a known customer."`
	TaxID  string `json:"tax_id,omitempty" maxLength:"32" doc:"GSTIN or another tax number of a business."`
}

func (c customerInput) customer() checkout.Customer {
	return checkout.Customer{UserID: c.UserID, Email: c.Email, Name: c.Name, Phone: c.Phone, TaxID: c.TaxID}
}

// addressInput is a postal address.
type addressInput struct {
	Name       string `json:"name" maxLength:"200" pattern:"\\S" patternDescription:"more than spaces" example:"Asha Rao"`
	Line1      string `json:"line1" maxLength:"200" pattern:"\\S" patternDescription:"more than spaces" example:"12 MG Road"`
	Line2      string `json:"line2,omitempty" maxLength:"200"`
	City       string `json:"city" maxLength:"100" pattern:"\\S" patternDescription:"more than spaces" example:"Bengaluru"`
	State      string `json:"state" maxLength:"100" doc:"By its code where the country has codes; empty where it has no states." example:"KA"`
	PostalCode string `json:"postal_code" maxLength:"20" doc:"Empty where the country has none." example:"560001"`
	Country    string `json:"country" pattern:"^[A-Z]{2}$" patternDescription:"an ISO 3166-1 alpha-2 code such as IN" example:"IN"`
}

// address reads an address that may be left out.
func address(field string, in *addressInput) (*checkout.Address, error) {
	if in == nil {
		return nil, nil
	}
	if !strings.Contains(countries, in.Country+" ") {
		return nil, checkout.Invalid(field+".country", "must be an ISO 3166-1 alpha-2 code such as IN")
	}
	a := checkout.Address(*in)
	return &a, nil
}

// countries are the officially assigned codes of ISO 3166-1 as of 2026 and XK,
// which is used for Kosovo.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW "

// The bounds of metadata.
const (
	maxMetaKey   = 40
	maxMetaValue = 500
)

func metadata(m map[string]string) error {
	for key, value := range m {
		switch {
		case key == "" || len(key) > maxMetaKey:
			return checkout.Invalid("metadata", "names must have 1 to %d characters", maxMetaKey)
		case len(value) > maxMetaValue:
			return checkout.Invalid("metadata", "values must have at most %d characters", maxMetaValue)
		}
	}
	return nil
}

// webAddress checks where a buyer's browser may be sent back to.
func webAddress(field, given string) error {
	if given == "" {
		return nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return checkout.Invalid(field, "must be a whole address that begins with https:// or http://")
	}
	return nil
}
