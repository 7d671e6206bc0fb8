package sandbox

import (
	"net"
	"net/http"
	"time"
)

// hangLimit is how long a hanging call waits for its client to give up.
const hangLimit = 2 * time.Minute

func (x *exchange) suffers(name string) *Fault { return findFault(x.drawn, name) }

// serverError is what Stripe says when it fails itself.
func serverError(status int) *apiError {
	return &apiError{status: status, Type: apiFailure, Message: "Sorry! There was an error while talking to one of our backends. Contact support if this persists."}
}

// sabotageBefore does what goes wrong before anything has happened; it says whether the request is over.
func (x *exchange) sabotageBefore() bool {
	for i := range x.drawn {
		switch f := &x.drawn[i]; f.Name {
		case "hang":
			x.sleep(hangLimit)
			x.reset()
		case "reset":
			x.reset()
		case "rate_limit":
			x.tooMany("rate_limit", "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.", f)
		case "lock_timeout":
			x.tooMany("lock_timeout", "This object cannot be accessed right now because another API request or Stripe process is currently accessing it.", f)
		case "error_500", "error_502", "error_503":
			x.write(x.fail(serverError(faultStatus(f.Name))))
		case "html_502", "html_503":
			x.write(htmlError(faultStatus(f.Name)))
		default:
			continue
		}
		return true
	}
	return false
}

// sabotageAfter sends the answer, or does what goes wrong once the effect is there.
func (x *exchange) sabotageAfter(answer reply) {
	switch {
	case x.suffers("lost_answer") != nil:
		x.reset()
	case x.suffers("hang_after") != nil:
		x.sleep(hangLimit)
		x.reset()
	case x.suffers("lost_answer_504") != nil:
		x.write(htmlError(http.StatusGatewayTimeout))
	case x.suffers("malformed") != nil:
		answer.Body = answer.Body[:len(answer.Body)/2]
		x.write(answer)
	default:
		x.write(answer)
	}
}

// pause is the latency fault. It comes while the idempotency key is taken.
func (x *exchange) pause() {
	if f := x.suffers(faultLatency); f != nil {
		x.sleep(time.Duration(orDefault(f.LatencyMS, 100)) * time.Millisecond)
	}
}

func (x *exchange) tooMany(code, message string, f *Fault) {
	answer := x.fail(&apiError{status: http.StatusTooManyRequests, Type: invalidRequest, Code: code, Message: message})
	answer.RetryS = orDefault(f.RetryAfterS, 1)
	x.write(answer)
}

// faultStatus reads the HTTP status at the end of a fault's name.
func faultStatus(name string) int {
	n := 0
	for _, digit := range name[len(name)-3:] {
		n = n*10 + int(digit-'0')
	}
	return n
}

// htmlError is what a proxy in front of a gateway answers.
func htmlError(status int) reply {
	text := http.StatusText(status)
	return reply{Status: status, HTML: true, Body: []byte("<html><head><title>" + text + "</title></head><body><h1>" + text + "</h1></body></html>\n")}
}

// reset breaks the connection off, with a TCP reset where there is one.
func (x *exchange) reset() {
	hijacker, ok := x.w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // the connection is being broken on purpose
	}
	_ = conn.Close() // likewise
}
