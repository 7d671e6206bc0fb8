package main

import (
	"context"

	"kassa/app"
	"kassa/gateway/manual"
	"kassa/gateway/stripe"
	"kassa/hold"
	"kassa/hold/redis"
	"kassa/store"
	"kassa/store/memory"
	"kassa/store/mysql"
	"kassa/store/postgres"
	"kassa/store/sqlite"
)

// adapters is the list of adapters: one line for each.
var adapters = app.Adapters{
	Stores: map[string]app.StoreAdapter{
		"memory":     func(context.Context, app.StoreConfig) (store.Store, error) { return memory.New(memory.Config{}), nil },
		"sqlite":     openSQLite,
		"postgres":   openPostgres,
		"postgresql": openPostgres,
		"mysql":      openMySQL,
		"mariadb":    openMySQL,
	},
	Gates: map[string]app.GateAdapter{
		"redis":  openRedis,
		"rediss": openRedis,
	},
	Gateways: map[string]app.GatewayAdapter{
		"stripe": app.Gateway(stripe.New),
		"manual": app.Gateway(manual.New),
	},
}

func openSQLite(ctx context.Context, c app.StoreConfig) (store.Store, error) {
	limitMemory(memoryLimit - sqliteMemory)
	return sqlite.Open(ctx, sqlite.Config{Path: c.Path, ReadOnly: c.Access == app.ReadOnly, Beside: c.Access == app.Administer})
}

func openMySQL(ctx context.Context, c app.StoreConfig) (store.Store, error) {
	return mysql.Open(ctx, mysql.Config{URL: c.URL, MaxConns: c.MaxConns})
}

func openPostgres(ctx context.Context, c app.StoreConfig) (store.Store, error) {
	return postgres.Open(ctx, postgres.Config{URL: c.URL, MaxConns: c.MaxConns})
}

func openRedis(url, name string) (hold.Gate, error) {
	return redis.Open(redis.Config{URL: url, Name: name})
}
