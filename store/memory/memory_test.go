package memory_test

import (
	"testing"

	"kassa/store"
	"kassa/store/memory"
	"kassa/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		Open: func(*testing.T) store.Store { return memory.New(memory.Config{}) },
	})
}
