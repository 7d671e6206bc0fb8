package sandbox

// The shapes below carry every field that Stripe sends by default, with null where the sandbox has nothing to say, so
// that a client sees what it would see. The order is the alphabet's, as in Stripe's answers.

// intentObject is a PaymentIntent.
type intentObject struct {
	ID                        string            `json:"id"`
	Object                    string            `json:"object"`
	Amount                    int64             `json:"amount"`
	AmountCapturable          int64             `json:"amount_capturable"`
	AmountDetails             amountDetails     `json:"amount_details"`
	AmountReceived            int64             `json:"amount_received"`
	Application               any               `json:"application"`
	ApplicationFeeAmount      any               `json:"application_fee_amount"`
	AutomaticPaymentMethods   *automaticMethods `json:"automatic_payment_methods"`
	CanceledAt                *int64            `json:"canceled_at"`
	CancellationReason        *string           `json:"cancellation_reason"`
	CaptureMethod             string            `json:"capture_method"`
	ClientSecret              string            `json:"client_secret"`
	ConfirmationMethod        string            `json:"confirmation_method"`
	Created                   int64             `json:"created"`
	Currency                  string            `json:"currency"`
	Customer                  any               `json:"customer"`
	CustomerAccount           any               `json:"customer_account"`
	Description               *string           `json:"description"`
	ExcludedPaymentMethods    any               `json:"excluded_payment_method_types"`
	LastPaymentError          *apiError         `json:"last_payment_error"`
	LatestCharge              any               `json:"latest_charge"` // id, or object where expanded
	Livemode                  bool              `json:"livemode"`
	Metadata                  map[string]string `json:"metadata"`
	NextAction                *nextAction       `json:"next_action"`
	OnBehalfOf                any               `json:"on_behalf_of"`
	PaymentMethod             any               `json:"payment_method"`
	PaymentMethodConfigDetail any               `json:"payment_method_configuration_details"`
	PaymentMethodOptions      methodOptions     `json:"payment_method_options"`
	PaymentMethodTypes        []string          `json:"payment_method_types"`
	Processing                any               `json:"processing"`
	ReceiptEmail              *string           `json:"receipt_email"`
	Review                    any               `json:"review"`
	SetupFutureUsage          *string           `json:"setup_future_usage"`
	Shipping                  *shipping         `json:"shipping"`
	StatementDescriptor       *string           `json:"statement_descriptor"`
	StatementDescriptorSuffix *string           `json:"statement_descriptor_suffix"`
	Status                    string            `json:"status"`
	TransferData              any               `json:"transfer_data"`
	TransferGroup             any               `json:"transfer_group"`
}

type amountDetails struct {
	Tip struct{} `json:"tip"`
}

type automaticMethods struct {
	AllowRedirects string `json:"allow_redirects"`
	Enabled        bool   `json:"enabled"`
}

type methodOptions struct {
	Card *cardOptions `json:"card,omitempty"`
}

type cardOptions struct {
	Installments        any    `json:"installments"`
	MandateOptions      any    `json:"mandate_options"`
	Network             any    `json:"network"`
	RequestThreeDSecure string `json:"request_three_d_secure"`
}

type nextAction struct {
	RedirectToURL *redirectToURL    `json:"redirect_to_url,omitempty"`
	Type          string            `json:"type"`
	UseStripeSDK  map[string]string `json:"use_stripe_sdk,omitempty"`
}

type redirectToURL struct {
	ReturnURL string `json:"return_url"`
	URL       string `json:"url"`
}

type shipping struct {
	Address        address `json:"address"`
	Carrier        *string `json:"carrier"`
	Name           *string `json:"name"`
	Phone          *string `json:"phone"`
	TrackingNumber *string `json:"tracking_number"`
}

type address struct {
	City       *string `json:"city"`
	Country    *string `json:"country"`
	Line1      *string `json:"line1"`
	Line2      *string `json:"line2"`
	PostalCode *string `json:"postal_code"`
	State      *string `json:"state"`
}

type billingDetails struct {
	Address address `json:"address"`
	Email   *string `json:"email"`
	Name    *string `json:"name"`
	Phone   *string `json:"phone"`
	TaxID   *string `json:"tax_id"`
}

// paymentMethodJSON is a PaymentMethod.
type paymentMethodJSON struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	AllowRedisplay string            `json:"allow_redisplay"`
	BillingDetails billingDetails    `json:"billing_details"`
	Card           *methodCard       `json:"card,omitempty"`
	Created        int64             `json:"created"`
	Customer       any               `json:"customer"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Type           string            `json:"type"`
	USBankAccount  *methodBank       `json:"us_bank_account,omitempty"`
}

type methodCard struct {
	Brand             string     `json:"brand"`
	Checks            cardChecks `json:"checks"`
	Country           string     `json:"country"`
	DisplayBrand      string     `json:"display_brand"`
	ExpMonth          int        `json:"exp_month"`
	ExpYear           int        `json:"exp_year"`
	Fingerprint       any        `json:"fingerprint"`
	Funding           string     `json:"funding"`
	GeneratedFrom     any        `json:"generated_from"`
	Last4             string     `json:"last4"`
	Networks          any        `json:"networks"`
	RegulatedStatus   string     `json:"regulated_status"`
	ThreeDSecureUsage any        `json:"three_d_secure_usage"`
	Wallet            any        `json:"wallet"`
}

type methodBank struct {
	AccountHolderType    string `json:"account_holder_type"`
	AccountType          string `json:"account_type"`
	BankName             string `json:"bank_name"`
	FinancialConnections any    `json:"financial_connections_account"`
	Fingerprint          any    `json:"fingerprint"`
	Last4                string `json:"last4"`
	Networks             any    `json:"networks"`
	RoutingNumber        string `json:"routing_number"`
	StatusDetails        any    `json:"status_details"`
}

type cardChecks struct {
	AddressLine1Check      *string `json:"address_line1_check"`
	AddressPostalCodeCheck *string `json:"address_postal_code_check"`
	CVCCheck               *string `json:"cvc_check"`
}

// chargeObject is a Charge: one attempt that the bank was asked about.
type chargeObject struct {
	ID                            string            `json:"id"`
	Object                        string            `json:"object"`
	Amount                        int64             `json:"amount"`
	AmountCaptured                int64             `json:"amount_captured"`
	AmountRefunded                int64             `json:"amount_refunded"`
	Application                   any               `json:"application"`
	ApplicationFee                any               `json:"application_fee"`
	ApplicationFeeAmount          any               `json:"application_fee_amount"`
	BalanceTransaction            any               `json:"balance_transaction"`
	BillingDetails                billingDetails    `json:"billing_details"`
	CalculatedStatementDescriptor string            `json:"calculated_statement_descriptor"`
	Captured                      bool              `json:"captured"`
	Created                       int64             `json:"created"`
	Currency                      string            `json:"currency"`
	Customer                      any               `json:"customer"`
	Description                   *string           `json:"description"`
	Disputed                      bool              `json:"disputed"`
	FailureBalanceTransaction     any               `json:"failure_balance_transaction"`
	FailureCode                   *string           `json:"failure_code"`
	FailureMessage                *string           `json:"failure_message"`
	FraudDetails                  struct{}          `json:"fraud_details"`
	Livemode                      bool              `json:"livemode"`
	Metadata                      map[string]string `json:"metadata"`
	OnBehalfOf                    any               `json:"on_behalf_of"`
	Outcome                       *outcome          `json:"outcome"`
	Paid                          bool              `json:"paid"`
	PaymentIntent                 any               `json:"payment_intent"`
	PaymentMethod                 string            `json:"payment_method"`
	PaymentMethodDetails          chargeMethod      `json:"payment_method_details"`
	RadarOptions                  struct{}          `json:"radar_options"`
	ReceiptEmail                  *string           `json:"receipt_email"`
	ReceiptNumber                 any               `json:"receipt_number"`
	ReceiptURL                    any               `json:"receipt_url"`
	Refunded                      bool              `json:"refunded"`
	Refunds                       *list             `json:"refunds,omitempty"` // only where expanded
	Review                        any               `json:"review"`
	Shipping                      *shipping         `json:"shipping"`
	SourceTransfer                any               `json:"source_transfer"`
	StatementDescriptor           *string           `json:"statement_descriptor"`
	StatementDescriptorSuffix     *string           `json:"statement_descriptor_suffix"`
	Status                        string            `json:"status"`
	TransferData                  any               `json:"transfer_data"`
	TransferGroup                 any               `json:"transfer_group"`
}

type outcome struct {
	AdviceCode         *string `json:"advice_code"`
	NetworkAdviceCode  *string `json:"network_advice_code"`
	NetworkDeclineCode *string `json:"network_decline_code"`
	NetworkStatus      string  `json:"network_status"`
	Reason             *string `json:"reason"`
	RiskLevel          string  `json:"risk_level"`
	RiskScore          int     `json:"risk_score"`
	SellerMessage      string  `json:"seller_message"`
	Type               string  `json:"type"`
}

type chargeMethod struct {
	Card          *chargeCard `json:"card,omitempty"`
	Type          string      `json:"type"`
	USBankAccount *chargeBank `json:"us_bank_account,omitempty"`
}

type chargeCard struct {
	AmountAuthorized   *int64            `json:"amount_authorized"`
	AuthorizationCode  *string           `json:"authorization_code"`
	Brand              string            `json:"brand"`
	CaptureBefore      int64             `json:"capture_before,omitempty"`
	Checks             cardChecks        `json:"checks"`
	Country            string            `json:"country"`
	ExpMonth           int               `json:"exp_month"`
	ExpYear            int               `json:"exp_year"`
	Fingerprint        any               `json:"fingerprint"`
	Funding            string            `json:"funding"`
	Installments       any               `json:"installments"`
	Last4              string            `json:"last4"`
	Mandate            any               `json:"mandate"`
	Multicapture       map[string]string `json:"multicapture"`
	Network            string            `json:"network"`
	NetworkToken       any               `json:"network_token"`
	NetworkTransaction *string           `json:"network_transaction_id"`
	RegulatedStatus    string            `json:"regulated_status"`
	ThreeDSecure       *threeDSecure     `json:"three_d_secure"`
	Wallet             any               `json:"wallet"`
}

type threeDSecure struct {
	AuthenticationFlow *string `json:"authentication_flow"`
	Electronic         any     `json:"electronic_commerce_indicator"`
	ExemptionIndicator any     `json:"exemption_indicator"`
	Result             *string `json:"result"`
	ResultReason       any     `json:"result_reason"`
	TransactionID      any     `json:"transaction_id"`
	Version            *string `json:"version"`
}

type chargeBank struct {
	AccountHolderType string `json:"account_holder_type"`
	AccountType       string `json:"account_type"`
	BankName          string `json:"bank_name"`
	Fingerprint       any    `json:"fingerprint"`
	Last4             string `json:"last4"`
	PaymentReference  any    `json:"payment_reference"`
	RoutingNumber     string `json:"routing_number"`
}

// refundObject is a Refund.
type refundObject struct {
	ID                     string             `json:"id"`
	Object                 string             `json:"object"`
	Amount                 int64              `json:"amount"`
	BalanceTransaction     any                `json:"balance_transaction"`
	Charge                 any                `json:"charge"`
	Created                int64              `json:"created"`
	Currency               string             `json:"currency"`
	DestinationDetails     *refundDestination `json:"destination_details,omitempty"`
	FailureReason          string             `json:"failure_reason,omitempty"`
	Metadata               map[string]string  `json:"metadata"`
	PaymentIntent          any                `json:"payment_intent"`
	PendingReason          string             `json:"pending_reason,omitempty"`
	Reason                 *string            `json:"reason"`
	ReceiptNumber          any                `json:"receipt_number"`
	SourceTransferReversal any                `json:"source_transfer_reversal"`
	Status                 string             `json:"status"`
	TransferReversal       any                `json:"transfer_reversal"`
}

type refundDestination struct {
	Card map[string]string `json:"card"`
	Type string            `json:"type"`
}

// orNull is nil for "", so that JSON says null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
