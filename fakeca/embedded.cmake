# Files whose bytes are compiled in.
fc_embed(policy fc_policy_production_json ${CMAKE_CURRENT_SOURCE_DIR}/policy/production.json)
fc_embed(policy fc_policy_staging_json ${CMAKE_CURRENT_SOURCE_DIR}/policy/staging.json)
fc_embed(policy fc_policy_rfc8555_json ${CMAKE_CURRENT_SOURCE_DIR}/policy/rfc8555.json)
fc_embed(policy fc_policy_pebble_json ${CMAKE_CURRENT_SOURCE_DIR}/policy/pebble.json)
fc_embed(manage fc_manage_openapi_json ${CMAKE_CURRENT_SOURCE_DIR}/manage/openapi.json)
fc_embed(plan fc_plan_css ${CMAKE_CURRENT_SOURCE_DIR}/plan/plan.css)
