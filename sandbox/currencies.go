package sandbox

import (
	"strconv"
	"strings"
)

// chargeable lists the currencies that Stripe charges in (stripe-go's list, without those that left ISO 4217).
const chargeable = " aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp bzd cad cdf chf clp cny cop crc" +
	" cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd jod jpy" +
	" kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mro mur mvr mwk mxn myr mzn nad ngn nio nok" +
	" npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sll sos srd std svc szl thb tjs tnd top try" +
	" ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw "

const zeroDecimal = " bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf "

const threeDecimal = " bhd jod kwd omr tnd "

// minimumCharge is the least amount in minor units. Source: docs.stripe.com/currencies, read in 2026.
var minimumCharge = map[string]int64{
	"aed": 200, "ars": 50, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "cop": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
	"hkd": 400, "huf": 17500, "idr": 50, "ils": 50, "inr": 50, "jpy": 50, "krw": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
	"php": 50, "pln": 200, "ron": 200, "rub": 50, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50, "zar": 50,
}

func listed(list, code string) bool { return len(code) == 3 && strings.Contains(list, " "+code+" ") }

// supportedCurrency says whether Stripe charges in a lower-case code.
func supportedCurrency(code string) bool { return listed(chargeable, code) }

// maximumCharge is the most in minor units: eight digits, more for a few. (Stripe takes twelve for most cards by now;
// the sandbox keeps to what holds for every method.)
func maximumCharge(code string) int64 {
	switch code {
	case "idr":
		return 999_999_999_999
	case "cop":
		return 9_999_999_999
	case "inr":
		return 999_999_999
	}
	return 99_999_999
}

// checkAmount refuses what Stripe would not charge. subject starts the sentence, such as "Amount".
func checkAmount(subject, param, code string, amount int64) *apiError {
	switch {
	case amount < minimumCharge[code]:
		return paramError("amount_too_small", param, "%s must be at least %s", subject, display(minimumCharge[code], code))
	case amount > maximumCharge(code):
		return paramError("amount_too_large", param, "%s must be no more than %s", subject, display(maximumCharge(code), code))
	case listed(threeDecimal, code) && amount%10 != 0:
		return paramError("", param, "%s in %s must end in 0: round it to the nearest ten.", subject, code)
	case (code == "isk" || code == "ugx") && amount%100 != 0:
		return paramError("invalid_charge_amount_no_decimal_compatible", param, "%s in %s must be a multiple of 100.", subject, code)
	}
	return nil
}

// display writes an amount for people, such as "0.50 usd".
func display(amount int64, code string) string {
	digits := 2
	if listed(zeroDecimal, code) {
		digits = 0
	} else if listed(threeDecimal, code) {
		digits = 3
	}
	whole := strconv.FormatInt(amount, 10)
	if digits == 0 {
		return whole + " " + code
	}
	for len(whole) <= digits {
		whole = "0" + whole
	}
	return whole[:len(whole)-digits] + "." + whole[len(whole)-digits:] + " " + code
}
