package sandbox

import (
	"encoding/json"
)

// sessionObject is a Checkout Session.
type sessionObject struct {
	ID                        string            `json:"id"`
	Object                    string            `json:"object"`
	AdaptivePricing           any               `json:"adaptive_pricing"`
	AfterExpiration           any               `json:"after_expiration"`
	AllowPromotionCodes       any               `json:"allow_promotion_codes"`
	AmountSubtotal            int64             `json:"amount_subtotal"`
	AmountTotal               int64             `json:"amount_total"`
	AutomaticTax              automaticTax      `json:"automatic_tax"`
	BillingAddressCollection  *string           `json:"billing_address_collection"`
	CancelURL                 *string           `json:"cancel_url"`
	ClientReferenceID         *string           `json:"client_reference_id"`
	ClientSecret              any               `json:"client_secret"`
	CollectedInformation      any               `json:"collected_information"`
	Consent                   any               `json:"consent"`
	ConsentCollection         any               `json:"consent_collection"`
	Created                   int64             `json:"created"`
	Currency                  string            `json:"currency"`
	CurrencyConversion        any               `json:"currency_conversion"`
	CustomFields              []any             `json:"custom_fields"`
	CustomText                customText        `json:"custom_text"`
	Customer                  any               `json:"customer"`
	CustomerAccount           any               `json:"customer_account"`
	CustomerCreation          *string           `json:"customer_creation"`
	CustomerDetails           *customerDetails  `json:"customer_details"`
	CustomerEmail             *string           `json:"customer_email"`
	Discounts                 []any             `json:"discounts"`
	ExpiresAt                 int64             `json:"expires_at"`
	Invoice                   any               `json:"invoice"`
	InvoiceCreation           any               `json:"invoice_creation"`
	LineItems                 *list             `json:"line_items,omitempty"` // only where expanded
	Livemode                  bool              `json:"livemode"`
	Locale                    *string           `json:"locale"`
	Metadata                  map[string]string `json:"metadata"`
	Mode                      string            `json:"mode"`
	OriginContext             any               `json:"origin_context"`
	PaymentIntent             any               `json:"payment_intent"`
	PaymentLink               any               `json:"payment_link"`
	PaymentMethodCollection   string            `json:"payment_method_collection"`
	PaymentMethodConfigDetail any               `json:"payment_method_configuration_details"`
	PaymentMethodOptions      struct{}          `json:"payment_method_options"`
	PaymentMethodTypes        []string          `json:"payment_method_types"`
	PaymentStatus             string            `json:"payment_status"`
	Permissions               any               `json:"permissions"`
	PhoneNumberCollection     map[string]bool   `json:"phone_number_collection"`
	RecoveredFrom             any               `json:"recovered_from"`
	SavedPaymentMethodOptions any               `json:"saved_payment_method_options"`
	SetupIntent               any               `json:"setup_intent"`
	ShippingAddressCollection any               `json:"shipping_address_collection"`
	ShippingCost              any               `json:"shipping_cost"`
	ShippingOptions           []any             `json:"shipping_options"`
	Status                    string            `json:"status"`
	SubmitType                *string           `json:"submit_type"`
	Subscription              any               `json:"subscription"`
	SuccessURL                *string           `json:"success_url"`
	TotalDetails              totalDetails      `json:"total_details"`
	UIMode                    string            `json:"ui_mode"`
	URL                       *string           `json:"url"`
	WalletOptions             any               `json:"wallet_options"`
}

type automaticTax struct {
	Enabled   bool `json:"enabled"`
	Liability any  `json:"liability"`
	Provider  any  `json:"provider"`
	Status    any  `json:"status"`
}

type customText struct {
	AfterSubmit              any `json:"after_submit"`
	ShippingAddress          any `json:"shipping_address"`
	Submit                   any `json:"submit"`
	TermsOfServiceAcceptance any `json:"terms_of_service_acceptance"`
}

type customerDetails struct {
	Address   *address `json:"address"`
	Email     *string  `json:"email"`
	Name      *string  `json:"name"`
	Phone     *string  `json:"phone"`
	TaxExempt string   `json:"tax_exempt"`
	TaxIDs    []any    `json:"tax_ids"`
}

type totalDetails struct {
	AmountDiscount int64 `json:"amount_discount"`
	AmountShipping int64 `json:"amount_shipping"`
	AmountTax      int64 `json:"amount_tax"`
}

// lineItemObject is one line of a Checkout Session.
type lineItemObject struct {
	ID             string      `json:"id"`
	Object         string      `json:"object"`
	AmountDiscount int64       `json:"amount_discount"`
	AmountSubtotal int64       `json:"amount_subtotal"`
	AmountTax      int64       `json:"amount_tax"`
	AmountTotal    int64       `json:"amount_total"`
	Currency       string      `json:"currency"`
	Description    string      `json:"description"`
	Price          priceObject `json:"price"`
	Quantity       int64       `json:"quantity"`
}

type priceObject struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"`
	Active            bool              `json:"active"`
	BillingScheme     string            `json:"billing_scheme"`
	Created           int64             `json:"created"`
	Currency          string            `json:"currency"`
	CustomUnitAmount  any               `json:"custom_unit_amount"`
	Livemode          bool              `json:"livemode"`
	LookupKey         any               `json:"lookup_key"`
	Metadata          map[string]string `json:"metadata"`
	Nickname          any               `json:"nickname"`
	Product           string            `json:"product"`
	Recurring         any               `json:"recurring"`
	TaxBehavior       string            `json:"tax_behavior"`
	TiersMode         any               `json:"tiers_mode"`
	TransformQuantity any               `json:"transform_quantity"`
	Type              string            `json:"type"`
	UnitAmount        int64             `json:"unit_amount"`
	UnitAmountDecimal string            `json:"unit_amount_decimal"`
}

// eventObject is an Event.
type eventObject struct {
	ID              string    `json:"id"`
	Object          string    `json:"object"`
	APIVersion      string    `json:"api_version"`
	Created         int64     `json:"created"`
	Data            eventData `json:"data"`
	Livemode        bool      `json:"livemode"`
	PendingWebhooks int       `json:"pending_webhooks"`
	Request         eventFrom `json:"request"`
	Type            string    `json:"type"`
}

type eventData struct {
	Object json.RawMessage `json:"object"`
}

type eventFrom struct {
	ID             *string `json:"id"`
	IdempotencyKey *string `json:"idempotency_key"`
}

// list is a page of objects.
type list struct {
	Object  string `json:"object"`
	Data    []any  `json:"data"`
	HasMore bool   `json:"has_more"`
	URL     string `json:"url"`
}

// searchResult is a page of a search.
type searchResult struct {
	Object   string  `json:"object"`
	Data     []any   `json:"data"`
	HasMore  bool    `json:"has_more"`
	NextPage *string `json:"next_page"`
	URL      string  `json:"url"`
}
