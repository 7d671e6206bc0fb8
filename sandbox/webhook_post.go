package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// post sends one signed request.
func (c *courier) post(d *delivery, url, secret, old string) (int, error) {
	body := d.body()
	ctx, cancel := context.WithTimeout(c.ctx, deliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the webhook's URL is not valid")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks; Kassa sandbox)")
	req.Header.Set("Stripe-Signature", signature(d.faults, c.sandbox.wallClock(), body, secret, old))
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxReceiverBytes)) // only the status counts
	return resp.StatusCode, resp.Body.Close()
}

// signature is the Stripe-Signature header, as a fault wants it.
func signature(faults []Fault, now time.Time, body []byte, secret, old string) string {
	if findFault(faults, faultSkewedClock) != nil {
		now = now.Add(-clockSkew)
	}
	t := strconv.FormatInt(now.Unix(), 10)
	switch {
	case findFault(faults, faultBadSignature) != nil:
		secret = "whsec_of_somebody_else"
	case findFault(faults, faultOldSecret) != nil && old != "":
		secret = old
	case findFault(faults, faultOldSecret) != nil:
		secret = "whsec_from_before"
	}
	header := "t=" + t
	if findFault(faults, faultRotated) != nil {
		header += ",v1=" + sign("whsec_from_before", t, body)
	}
	return header + ",v1=" + sign(secret, t, body)
}

// sign is Stripe's scheme v1: HMAC-SHA256 over the time, a dot and the body, in lower-case hex.
func sign(secret, t string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// body is the event as it goes over the wire, with the wrong amounts that faults ask for.
func (d *delivery) body() []byte {
	whole := d.event.render(1)
	if findFault(d.faults, faultWrongAmount) != nil {
		whole.Data.Object = tamper(whole.Data.Object, func(o map[string]any) {
			for _, name := range []string{"amount", "amount_received", "amount_captured", "amount_total", "amount_subtotal"} {
				if n, ok := o[name].(json.Number); ok && n != "0" {
					o[name] = json.Number(n.String() + "0")
				}
			}
		})
	}
	if findFault(d.faults, faultWrongCurrency) != nil {
		whole.Data.Object = tamper(whole.Data.Object, func(o map[string]any) { o["currency"] = wrongCurrency(o["currency"]) })
	}
	return mustJSON(whole)
}

// wrongCurrency is another one with as many decimals as most have.
func wrongCurrency(right any) string {
	if right == "usd" {
		return "eur"
	}
	return "usd"
}

// tamper changes an object's JSON.
func tamper(raw json.RawMessage, change func(map[string]any)) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var o map[string]any
	if err := decoder.Decode(&o); err != nil {
		panic("sandbox: decode our own event: " + err.Error())
	}
	change(o)
	return mustJSON(o)
}
