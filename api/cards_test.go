package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Numbers that the card schemes and gateways publish for tests.
var testCards = map[string]string{
	"visa": "4242424242424242", "visa of 13 digits": "4222222222222", "mastercard": "5555555555554444", "mastercard 2-series": "2223003122003222",
	"american express": "378282246310005", "diners": "3056930009020004", "diners of 14 digits": "30569309025904", "jcb": "3566002020360505",
	"discover": "6011111111111117", "unionpay": "6200000000000005", "rupay": "6073849700004947",
	"unionpay of 19 digits": "6205500000000000004", "maestro": "6759649826438453",
}

func TestCardNumbersAreFound(t *testing.T) {
	t.Parallel()
	for name, number := range testCards {
		require.True(t, luhn(number), "%s is a good test", name)
		spaced := strings.Join([]string{number[:4], number[4:8], number[8:12], number[12:]}, " ")
		for _, text := range []string{
			number, "card " + number + ".", "pan=" + number + ";", spaced, strings.ReplaceAll(spaced, " ", "-"), strings.ReplaceAll(spaced, " ", " - "),
			strings.ReplaceAll(spaced, " ", "\u00a0"), spaced + " 123", "12 " + spaced,
		} {
			require.True(t, looksLikeCard(text), "%s: %q", name, text)
		}
		broken := number[:len(number)-1] + string('0'+('9'-number[len(number)-1]+1)%10)
		if !luhn(broken) {
			require.False(t, looksLikeCard(broken), "%s with a wrong check digit", name)
		}
	}
}

func TestWhatIsNoCardNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "pm_card_visa", "0198c0de-0000-7000-8000-000000000001", "42424242-4242-4242-4242-424242424242", "+919876543210", "+4242424242424",
		"1737000000003", "order-1737000000003", "12 MG Road, 560001", "4242 4242 4242", "42424242424242424242424242", "sku 4242, 4242, 4242, 4242",
		"4242.4242.4242.4242", "9.99e2",
	} {
		require.False(t, looksLikeCard(text), text)
	}
}

// TestCardDataIsRefused puts a card number into every place of a checkout and an
// initiate: it is refused, and neither stored nor logged.
func TestCardDataIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.place(someOrder)
	const pan, spaced = "4242424242424242", "4242 4242 4242 4242"
	valid := p.card("k", "pm_card_visa")
	before := r.everything()
	for field, value := range map[string]any{
		"payment_token": pan, "return_url": "https://shop.example/?pan=" + pan, "gateway": spaced, "idempotency_key": pan, "payment_method": pan,
		"card": fields{"number": spaced}, "number": json.Number(pan), "list": []any{1, []any{spaced}}, pan: "a name", "orderId": pan,
	} {
		problem := r.call("POST", "/payment/initiate", valid.with(field, value)).refused(422, "card_data_refused")
		require.NotContains(t, string(mustJSON(t, problem)), "4242")
	}
	for _, body := range []fields{
		someOrder.with("customer", fields{"email": "asha@example.com", "name": pan}),
		someOrder.with("customer", fields{"email": pan + "@example.com", "name": "A"}),
		someOrder.with("shipping_address", someAddress.with("line2", spaced)),
		someOrder.with("metadata", fields{"note": "paid with " + spaced}),
		someOrder.with("metadata", fields{pan: "x"}),
		someOrder.with("reference", pan),
		someOrder.with("items", []any{fields{"sku": json.Number(pan), "qty": 1}}),
		someOrder.with("metadata", fields{"items[0].sku": pan}),
	} {
		problem := r.call("POST", "/checkout", body).refused(422, "card_data_refused")
		require.NotContains(t, string(mustJSON(t, problem)), "4242")
	}
	r.call("POST", "/checkout", someOrder.with("items", []any{fields{"sku": pan, "qty": 1}})).refused(422, "invalid_request")
	r.call("POST", "/checkout", someOrder, header("Idempotency-Key", pan)).refused(422, "card_data_refused")
	require.Equal(t, before, r.everything())
	for _, number := range []string{pan, spaced} {
		require.NotContains(t, r.log.String(), number)
	}
}

// TestBarcodesAreSKUs: this EAN-13 has the check digit of a card number, too.
func TestBarcodesAreSKUs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ean = "4006381330060"
	require.True(t, looksLikeCard(ean), "it is a good test")
	r.product(ean, "10", 2)
	items := []any{fields{"sku": "SKU123", "qty": 1}, fields{"sku": ean, "qty": 2}}
	a := r.call("POST", "/checkout", someOrder.with("items", items), as(storefrontKey)).ok(201)
	require.Equal(t, "0 2", stockOf(r.call("GET", "/inventory/"+ean, nil)))
	require.Equal(t, "519.50", a.text("amount"))
}

func FuzzLooksLikeCard(f *testing.F) {
	for _, number := range testCards {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, text string) {
		looksLikeCard(text) // it must come to an end
		if !strings.ContainsAny(text, "0123456789+") {
			require.True(t, looksLikeCard(text+"|4242424242424242|"+text))
		}
	})
}
