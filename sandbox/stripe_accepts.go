package sandbox

// What the operations on PaymentIntents take. Source: Stripe's OpenAPI; a test compares the two.
var (
	addressParams = params{"city": clearable(text(5000)), "country": clearable(text(5000)), "line1": clearable(text(5000)),
		"line2": clearable(text(5000)), "postal_code": clearable(text(5000)), "state": clearable(text(5000))}

	shippingParams = params{"address": must(object(addressParams)), "name": must(text(5000)), "carrier": text(5000), "phone": text(5000),
		"tracking_number": text(5000)}

	methodOptionParams = params{"card": object(params{"request_three_d_secure": enum("any", "automatic", "challenge")}.without(
		"capture_method", "cvc_token", "installments", "mandate_options", "moto", "network", "request_extended_authorization",
		"request_incremental_authorization", "request_multicapture", "request_overcapture", "require_cvc_recollection",
		"setup_future_usage", "statement_descriptor_suffix_kana", "statement_descriptor_suffix_kanji", "three_d_secure"))}

	captureMethods = enum("automatic", "automatic_async", captureManual)

	createIntentParams = params{
		"amount": must(integer(1)), "currency": must(currency()), "capture_method": captureMethods, "confirm": boolean(),
		"automatic_payment_methods": object(params{"enabled": must(boolean()), "allow_redirects": enum(redirectsAlways, redirectsNever)}),
		"confirmation_method":       enum("automatic"), "customer": text(5000), "description": text(1000), "error_on_requires_action": boolean(),
		"expand": expandList(), "metadata": metadata(), "off_session": enum("true", "false", "one_off", "recurring"),
		"payment_method": text(5000), "payment_method_types": array(text(5000)), "payment_method_options": object(methodOptionParams),
		"receipt_email": email(), "return_url": link(), "setup_future_usage": enum("off_session", "on_session"),
		"shipping": object(shippingParams), "statement_descriptor": text(22), "statement_descriptor_suffix": text(22),
		"use_stripe_sdk": boolean(),
	}.without("allowed_payment_method_types", "amount_details", "application_fee_amount", "confirmation_token", "customer_account",
		"excluded_payment_method_types", "hooks", "mandate", "mandate_data", "on_behalf_of", "payment_details",
		"payment_method_configuration", "payment_method_data", "radar_options", "transfer_data", "transfer_group")

	updateIntentParams = params{
		"amount": integer(1), "currency": currency(), "capture_method": captureMethods, "customer": text(5000), "description": clearable(text(1000)),
		"expand": expandList(), "metadata": metadata(), "payment_method": text(5000), "payment_method_types": array(text(5000)),
		"payment_method_options": object(methodOptionParams), "receipt_email": clearable(email()),
		"setup_future_usage": clearable(enum("off_session", "on_session")), "shipping": object(shippingParams),
		"statement_descriptor": text(22), "statement_descriptor_suffix": text(22),
	}.without("allowed_payment_method_types", "amount_details", "application_fee_amount", "customer_account", "excluded_payment_method_types",
		"hooks", "payment_details", "payment_method_configuration", "payment_method_data", "transfer_data", "transfer_group")

	confirmIntentParams = params{
		"capture_method": captureMethods, "client_secret": text(5000), "error_on_requires_action": boolean(), "expand": expandList(),
		"off_session": enum("true", "false", "one_off", "recurring"), "payment_method": text(5000), "payment_method_types": array(text(5000)),
		"payment_method_options": object(methodOptionParams), "receipt_email": clearable(email()), "return_url": link(),
		"setup_future_usage": clearable(enum("off_session", "on_session")), "shipping": object(shippingParams), "use_stripe_sdk": boolean(),
	}.without("allowed_payment_method_types", "amount_details", "amount_to_confirm", "confirmation_token", "excluded_payment_method_types",
		"hooks", "mandate", "mandate_data", "payment_details", "payment_method_data", "radar_options")

	captureIntentParams = params{
		"amount_to_capture": integer(1), "expand": expandList(), "final_capture": enum("true"), "metadata": metadata(),
		"statement_descriptor": text(22), "statement_descriptor_suffix": text(22),
	}.without("amount_details", "application_fee_amount", "hooks", "payment_details", "transfer_data")

	cancelIntentParams = params{"expand": expandList(),
		"cancellation_reason": enum("abandoned", "duplicate", "fraudulent", "requested_by_customer")}
)

// What creating a session takes.
var (
	productParams = params{"name": must(text(5000)), "description": text(40000), "images": array(text(5000)), "metadata": metadata(),
		"tax_code": text(5000), "unit_label": text(12)}.without("tax_details")

	priceParams = params{"currency": must(currency()), "product_data": must(object(productParams)), "unit_amount": must(integer(0)),
		"tax_behavior": enum("exclusive", "inclusive", "unspecified")}.without("product", "recurring", "unit_amount_decimal")

	lineItemParams = params{"price_data": must(object(priceParams)), "quantity": must(integer(1)), "metadata": metadata()}.without(
		"adjustable_quantity", "dynamic_tax_rates", "price", "tax_rates")

	intentDataParams = params{"capture_method": captureMethods, "description": text(1000), "metadata": metadata(), "receipt_email": email(),
		"setup_future_usage": enum("off_session", "on_session"), "shipping": object(shippingParams), "statement_descriptor": text(22),
		"statement_descriptor_suffix": text(22)}.without("application_fee_amount", "on_behalf_of", "transfer_data", "transfer_group")

	createSessionParams = params{
		"mode": must(enum("payment")), "success_url": must(link()), "cancel_url": link(), "line_items": must(array(object(lineItemParams))),
		"client_reference_id": text(200), "currency": currency(), "customer": text(5000), "customer_email": email(),
		"expand": expandList(), "expires_at": integer(0), "locale": text(10), "metadata": metadata(),
		"payment_intent_data": object(intentDataParams), "payment_method_types": array(text(5000)),
		"submit_type": enum("auto", "book", "donate", "pay"), "ui_mode": enum("hosted_page"),
	}.without("adaptive_pricing", "after_expiration", "allow_promotion_codes", "automatic_tax", "billing_address_collection",
		"branding_settings", "consent_collection", "custom_fields", "custom_text", "customer_account", "customer_creation",
		"customer_update", "discounts", "excluded_payment_method_types", "integration_identifier", "invoice_creation", "managed_payments",
		"name_collection", "optional_items", "origin_context", "payment_method_collection", "payment_method_configuration",
		"payment_method_data", "payment_method_options", "permissions", "phone_number_collection", "redirect_on_completion", "return_url",
		"saved_payment_method_options", "setup_intent_data", "shipping_address_collection", "shipping_options", "subscription_data",
		"tax_id_collection", "wallet_options")
)

// What refunds take.
var (
	createRefundParams = params{"payment_intent": text(5000), "charge": text(5000), "amount": integer(1), "metadata": metadata(),
		"reason": enum("duplicate", "fraudulent", "requested_by_customer"), "expand": expandList()}.without(
		"currency", "customer", "instructions_email", "origin", "refund_application_fee", "reverse_transfer")

	updateRefundParams = params{"metadata": metadata(), "expand": expandList()}
)
