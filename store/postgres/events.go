package postgres

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"kassa/checkout"
)

// appendEvents writes what encoding/json would, four times faster: every commit
// writes its events, and their data are maps.
func appendEvents(data []byte, events []checkout.Event) (_ []byte, err error) {
	if events == nil {
		return append(data, "null"...), nil
	}
	var keys []string // of one event's data after the other
	data = append(data, '[')
	for i := range events {
		if i > 0 {
			data = append(data, ',')
		}
		if data, keys, err = appendEvent(data, &events[i], keys); err != nil {
			return data, err
		}
	}
	return append(data, ']'), nil
}

func appendEvent(data []byte, e *checkout.Event, keys []string) (_ []byte, _ []string, err error) {
	data = appendID(append(data, `{"order_id":"`...), e.OrderID)
	data = strconv.AppendInt(append(data, `","seq":`...), e.Seq, 10)
	data = appendJSONText(append(data, `,"type":`...), e.Type)
	data = e.At.AppendFormat(append(data, `,"at":"`...), time.RFC3339Nano)
	data = append(data, '"')
	if len(e.Data) == 0 {
		return append(data, '}'), keys, nil
	}
	keys = slices.AppendSeq(keys[:0], maps.Keys(e.Data))
	slices.Sort(keys)
	for i, key := range keys {
		data = append(data, `,`...)
		if i == 0 {
			data = append(data, `"data":{`...)
		}
		data = append(appendJSONText(data, key), ':')
		if data, err = appendJSON(data, e.Data[key]); err != nil {
			return data, keys, err
		}
	}
	return append(data, "}}"...), keys, nil
}

func appendID(data []byte, id checkout.ID) []byte {
	text, _ := id.MarshalText() // an id always has a text
	return append(data, text...)
}
