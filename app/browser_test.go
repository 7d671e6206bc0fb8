package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"kassa/app"
	"kassa/checkout"
)

// A buyer goes through the demo in a real browser, with the mouse and the
// keyboard: once straight, and once by two declined cards. No page complains.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if raceEnabled && testing.Short() {
		t.Skip("SQLite is slow under the race detector: the run without it has this test")
	}
	b := openBrowser(t, chromium(t), startDemo(t, t.TempDir()))

	b.order("MUG-INDIGO")
	b.click("#pay")
	b.payWith("4242 4242 4242 4242")
	b.thanked()
	b.requireOrders(checkout.PaymentSucceeded)

	b.order("BOOK-ATLAS")
	b.declineAtTheShop()
	b.declineAtTheGateway()
	b.payWith("4242 4242 4242 4242")
	b.thanked()
	b.requireOrders(checkout.PaymentSucceeded, checkout.PaymentFailed, checkout.PaymentSucceeded)
	require.Empty(t, b.complaints(), "the browser's console must stay empty")
}

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("KASSA_TEST_CHROMIUM"); path != "" {
		return path
	}
	path, err := exec.LookPath("chromium")
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("there is no chromium and KASSA_TEST_CHROMIUM is not set: run the tests by make test")
	}
	t.Skip("there is no chromium and KASSA_TEST_CHROMIUM is not set: run the tests by make test")
	return ""
}

// browser is a buyer's browser with one tab.
type browser struct {
	t    *testing.T
	demo *app.Demo
	tab  context.Context

	mu   sync.Mutex
	said []string // what pages complained about
}

func openBrowser(t *testing.T, path string, demo *app.Demo) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.WindowSize(1280, 900),
		chromedp.Flag("no-sandbox", os.Getuid() == 0), // root cannot have chromium's own
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	// Not the test's context, which ends before its picture is taken.
	machine, kill := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(kill)
	tab, closeTab := chromedp.NewContext(machine)
	t.Cleanup(closeTab)
	b := &browser{t: t, demo: demo, tab: tab}
	require.NoError(t, chromedp.Listen(tab, b.listen), "%s did not start", path)
	t.Cleanup(b.picture)
	return b
}

// listen keeps what a page writes to its console as a warning or an error: a
// breach of the content security policy and a resource that is not there are such
// errors. What the gateway's server answers is not the shop's fault.
func (b *browser) listen(event any) {
	bad := false
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		bad = true
	case *runtime.EventConsoleAPICalled:
		bad = slices.Contains([]runtime.ConsoleAPICalledType{
			runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert,
		}, e.Type)
	case *log.EventEntryAdded:
		loud := e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning
		bad = loud && !strings.HasPrefix(e.Entry.URL, b.demo.SandboxURL)
	}
	if !bad {
		return
	}
	text, err := json.Marshal(event)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, fmt.Sprintf("%T %s", event, text))
	if err != nil {
		b.said = append(b.said, err.Error())
	}
}

func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.said
}

// picture shows what a failed test's buyer saw last.
func (b *browser) picture() {
	if !b.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(b.tab, bound)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	b.t.Logf("the page:\n%s\nthe console: %q", text, b.complaints())
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no picture of the page: %s", err)
		return
	}
	// A file that outlives the test, unlike those of t.TempDir.
	file, err := os.CreateTemp("", "kassa-browser-*.png")
	if err != nil {
		b.t.Logf("no picture of the page: %s", err)
		return
	}
	_, err = file.Write(png)
	b.t.Logf("a picture of the page: %s (%v, %v)", file.Name(), err, file.Close())
}

// do takes steps that the page must allow in a bounded time.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, bound)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...), what)
}

// click presses the mouse on what a selector shows.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible, chromedp.NodeEnabled))
}

// until waits for a truth about the page, also across pages.
func (b *browser) until(truth string) {
	b.t.Helper()
	eventually(b.t, bound, truth, func() bool {
		ctx, cancel := context.WithTimeout(b.tab, 5*time.Second)
		defer cancel()
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`Boolean(`+truth+`)`))
		return err == nil && holds // no document is an error while the next one loads
	})
}

// order puts a product into the basket and goes to its payment.
func (b *browser) order(sku string) {
	b.t.Helper()
	b.do("open the shop", chromedp.Navigate(b.demo.URL))
	b.click(`#products [data-sku="` + sku + `"] [data-act=add]`)
	b.until(`document.getElementById("basket").innerText.includes("Checkout (1)")`)
	b.click(`#basket a[href="/checkout"]`)
	b.until(`document.getElementById("held")?.innerText.includes("Held for you")`)
	b.click("#order") // with the customer that the demo fills in
	b.until(`location.pathname.startsWith("/pay/") && !document.getElementById("paying").hidden`)
}

// payWith types a card's number on the gateway's page.
func (b *browser) payWith(card string) {
	b.t.Helper()
	b.until(`location.origin === "` + b.demo.SandboxURL + `" && document.getElementById("card_number")`)
	b.do("type the card's number", chromedp.SendKeys(chromedp.CSS("#card_number"), card, chromedp.NodeVisible))
	b.click(`button[value=succeed]`)
}

// declineAtTheShop pays with a gateway's token that is declined at once.
func (b *browser) declineAtTheShop() {
	b.t.Helper()
	b.click("details summary")
	b.do("choose a test instrument", chromedp.SendKeys(chromedp.CSS("#token"), "pm_card_charge", chromedp.NodeVisible))
	b.click("#pay")
	b.until(`document.querySelector("#earlier [role=alert]")?.innerText.includes("The payment failed")`)
	b.do("choose the gateway's page", chromedp.SendKeys(chromedp.CSS("#token"), "the gateway", chromedp.NodeVisible))
	b.click("#pay")
}

// declineAtTheGateway types a card that is declined on the gateway's page.
func (b *browser) declineAtTheGateway() {
	b.t.Helper()
	b.payWith("4000 0000 0000 0002")
	b.until(`document.querySelector(".error[role=alert]")?.innerText.includes("declined")`)
}

// thanked waits for the page of a confirmed order, and sees the basket empty.
func (b *browser) thanked() {
	b.t.Helper()
	b.until(`location.pathname === "/return" && document.getElementById("headline").innerText.includes("your order is confirmed")`)
	b.until(`document.getElementById("timeline").innerText.includes("Order confirmed; the stock is yours")`)
	b.do("open the shop", chromedp.Navigate(b.demo.URL))
	b.until(`document.getElementById("basket").innerText.includes("It is empty.")`)
}

// requireOrders checks that every order is confirmed, what became of the attempts
// in their order, and that the gateway and the audit agree.
func (b *browser) requireOrders(attempts ...checkout.PaymentStatus) {
	b.t.Helper()
	s := &shop{App: b.demo.App, t: b.t, gateway: &gatewayServer{Sandbox: b.demo.Sandbox, URL: b.demo.SandboxURL}}
	var have []checkout.PaymentStatus
	for _, o := range s.orders() {
		require.Equal(b.t, checkout.OrderConfirmed, o.Status)
		require.Equal(b.t, "asha@example.com", o.Details.Customer.Email)
		for i := range o.Payments {
			have = append(have, o.Payments[i].Status)
		}
	}
	require.Equal(b.t, attempts, have)
	s.requireSameLedger()
	s.requireClean()
}
