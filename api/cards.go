package api

import (
	"regexp"
	"strconv"
	"strings"

	"kassa/checkout"
)

// The lengths of a payment card's number (ISO/IEC 7812-1).
const (
	minCardDigits = 13
	maxCardDigits = 19
	maxPhone      = 15 // digits of an international phone number (ITU-T E.164)
	idLen         = 36 // characters of a UUID
)

// looksLikeCard tells whether a text holds a payment card's number: 13 to 19
// digits, spaces and dashes between them allowed, with a right check digit and
// the first digits of a card scheme. Ids of the form of a UUID and phone numbers
// with a leading plus are left alone: of those, one in ten would have a right
// check digit by chance.
func looksLikeCard(text string) bool {
	if countDigits(text) < minCardDigits {
		return false
	}
	if len(text) == idLen { // most texts with so many digits are ids
		if _, err := checkout.ParseID(text); err == nil {
			return false
		}
	}
	text = uuidShape.ReplaceAllString(text, "|")
	for _, run := range digitRuns.FindAllString(text, -1) {
		if runHoldsCard(run) {
			return true
		}
	}
	return false
}

func countDigits(text string) (n int) {
	for i := range len(text) {
		if '0' <= text[i] && text[i] <= '9' {
			n++
		}
	}
	return n
}

var (
	uuidShape = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
	digitRuns = regexp.MustCompile(`\+?[0-9](?:[\s\p{Zs}\p{Pd}]*[0-9])+`)
	notDigits = regexp.MustCompile(`[^0-9]+`)
)

// runHoldsCard looks at every row of whole groups within a run of digits, so that
// "4242 4242 4242 4242 123" does not hide the number behind its security code.
func runHoldsCard(run string) bool {
	groups := strings.Fields(notDigits.ReplaceAllString(run, " "))
	if run[0] == '+' && len(strings.Join(groups, "")) <= maxPhone {
		return false
	}
	for first := range groups {
		number := ""
		for _, group := range groups[first:] {
			if number += group; len(number) > maxCardDigits {
				break
			}
			if len(number) >= minCardDigits && issued(number) && luhn(number) {
				return true
			}
		}
	}
	return false
}

// issued tells whether a number begins as those of a card scheme do: Visa 4,
// Mastercard 51–55 and 2221–2720, Maestro and RuPay 50 and 56–69, Mir 2200–2204,
// American Express, Diners Club and JCB 3, Discover and UnionPay 6, RuPay 81 and
// 82, Troy 9792.
func issued(number string) bool {
	switch head, _ := strconv.Atoi(number[:4]); {
	case head >= 2200 && head <= 2720, head >= 8100 && head <= 8299, head == 9792:
		return len(number) >= 16
	default:
		return head >= 3000 && head <= 6999
	}
}

// luhn checks the last digit (ISO/IEC 7812-1, annex B).
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		digit := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum%10 == 0
}
